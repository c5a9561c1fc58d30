"""Where model artifacts come from, and one file's way into the store."""
