"""Commands over what is said about a package."""
