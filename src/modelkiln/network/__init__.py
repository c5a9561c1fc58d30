"""One way to read a URL."""
