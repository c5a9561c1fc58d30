"""Lint: anti-patterns of packages of models, found in code, files and requirements, without importing any of it."""
