"""Skew: what wrote a file of a model, and what the lock has to read it with."""
