"""Programs that run under pip's interpreter, and import nothing of Modelkiln."""
