"""Checks of model artifact files: formats are found by content, and bad files are refused."""
