"""A page about packages: one file, which needs nothing else."""
