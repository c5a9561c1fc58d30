"""Signatures: made by one small process that reads the key, and verified with public keys and certificates."""
