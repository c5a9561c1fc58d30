"""The error types of the code that travels in a package."""


class PackageError(Exception):
    """A request, inference script or file that was refused: an error to show to the user."""

    exit_code = 1


class HostError(PackageError):
    """This host lacks what the package declares that it needs: nothing is wrong with the package or the request."""

    exit_code = 3
