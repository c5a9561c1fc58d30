"""Locks that other tools write, each as the lines of a requirements file that would pin the same."""
