"""What code does, read from its syntax tree and the flow of its values."""
