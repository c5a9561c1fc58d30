"""The `modelkiln` command line: one module a command."""
