"""Programs of the standard library alone, which also run outside of Pants."""
