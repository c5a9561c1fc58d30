"""An image: config, manifest, layout, and where its blobs are."""
