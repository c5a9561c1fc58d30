"""The distributions of a package: what nothing uses, and what nothing pins."""
