"""Recomputes everything of an image, with code of its own."""
