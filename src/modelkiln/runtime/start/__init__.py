"""What a package needs of its host, compared with the host before the model is loaded."""
