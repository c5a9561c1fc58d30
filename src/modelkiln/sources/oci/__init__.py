"""Model artifacts that OCI registries hold."""
