"""Weights that a package fetches itself: their store, and the ways into it."""
