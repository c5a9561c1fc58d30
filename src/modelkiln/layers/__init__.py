"""What a layer is made of: five packers, and their recipes."""
