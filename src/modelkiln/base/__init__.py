"""What a base is made of: Debian packages, their locks and indexes, an interpreter and its byte code."""
