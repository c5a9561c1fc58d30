"""This machine: its settings, sandbox, GPU and container engines."""
