"""The table of releases, one module a kind of file. Each row was seen with real releases: tests/releases runs both."""
