"""Speaking to one registry: references, logins, blobs, manifests and referrers."""
