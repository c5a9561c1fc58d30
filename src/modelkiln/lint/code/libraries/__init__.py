"""What is known of libraries that get something from elsewhere or open files, by full names, and guessed of others."""
