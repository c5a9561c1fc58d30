"""`modelkiln lint`, and the step of `pants lint`."""
