"""What `pants lock` can pin, one module for each kind of target."""
