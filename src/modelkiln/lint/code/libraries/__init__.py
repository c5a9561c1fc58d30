"""What is known of libraries that get something from elsewhere, by full names, and guessed of others."""
