"""What is said about a package, as in-toto statements: what is in it, how it was made, what was tested, who signs."""
