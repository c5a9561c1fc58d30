"""Code in files of models: what loads or runs with them, besides pickles. Found by content, allowed by name."""
