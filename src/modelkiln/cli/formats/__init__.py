"""Steps of a build that write a package as a file: `modelkiln build COMMAND`, one module a format."""
