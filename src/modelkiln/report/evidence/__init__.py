"""What others say of a package: scanners, who signed it, who tested it."""
