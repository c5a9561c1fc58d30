"""What people would rather look at than read: what is in packages, why, and what changed between two."""
