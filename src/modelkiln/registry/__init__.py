"""Packages in registries: publish, pull and verify."""
