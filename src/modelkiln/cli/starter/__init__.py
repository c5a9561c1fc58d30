"""Commands that begin something."""
