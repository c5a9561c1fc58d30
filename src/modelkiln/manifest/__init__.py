"""The dependency manifest: locks, the choice of wheels, their closure, and pip."""
