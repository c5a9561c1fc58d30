"""Publishing, pulling and verifying a package in a registry."""
