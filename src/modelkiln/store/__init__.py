"""The content-addressed directory of blobs on this machine, and its care."""
