"""What a record says of its model, and leaves out."""
