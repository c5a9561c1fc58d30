"""The one error type of the code that travels in a package."""


class PackageError(Exception):
    """A request, inference script or file that was refused: an error to show to the user."""
