"""A wheel from an sdist: toolchain, environment and backend."""
