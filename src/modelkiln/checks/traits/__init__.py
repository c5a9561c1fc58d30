"""What a file asks of the library that reads it: who wrote it, and which of its features are not of every release."""
