"""The bill of materials of a package: CycloneDX, and SPDX made of it."""
