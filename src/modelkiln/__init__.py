"""The Modelkiln packaging engine: turns pinned inputs into packages, without knowing Pants."""

__version__ = "0.1.0"
