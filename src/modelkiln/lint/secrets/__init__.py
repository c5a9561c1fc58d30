"""Keys and tokens, by their formats and by how random they look."""
