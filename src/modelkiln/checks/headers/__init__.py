"""Formats whose header states how much follows: counts, offsets and sizes are held to the file, and what the header
says of the model is taken into locks and records."""
