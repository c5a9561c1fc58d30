"""Packages as they lie on a disk, of Modelkiln or of others, made into what rules look at."""
