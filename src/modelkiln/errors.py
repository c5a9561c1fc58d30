"""The one error type that users see."""


class ModelkilnError(Exception):
    """Bad input or a failed verification: an error to show to the user.

    A message reads: address, then what is wrong with which value, then the option or command
    that fixes it. The command line prints it without a traceback and exits with 1.
    """


def reason(error: Exception) -> str:
    """Why a document could not be read, in words: `error` is what reading its values raised."""
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}"
    if isinstance(error, (TypeError, AttributeError)):
        return f"it has values of another kind: {error}"
    return str(error)
