"""A package unpacked, asked and compared."""
