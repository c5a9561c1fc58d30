"""Whether an installed package is what its record says."""
