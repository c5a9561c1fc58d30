"""The table of releases, one module a kind of file. Each row was seen with real releases: tests/skew runs both."""
