"""The first files of a package, written from what a model artifact says of itself."""
