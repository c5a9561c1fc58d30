"""What the releases of Pants differ in, so that nothing else of the backend need know of it."""
