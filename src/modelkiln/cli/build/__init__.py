"""Steps of a build, each one process: their arguments may change with every release."""
