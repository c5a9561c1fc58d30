"""The rules, one module a category."""
