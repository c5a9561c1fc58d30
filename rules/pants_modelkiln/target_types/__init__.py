"""The target types that users write: their fields and help texts, one module for each."""
