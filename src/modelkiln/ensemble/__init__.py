"""Ensembles when they are made: steps, what fits, what excludes each other, what the record says."""
