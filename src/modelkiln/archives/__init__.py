"""One deterministic writer of tars, and streams of them."""
