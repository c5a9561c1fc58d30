"""The one error type that users see."""

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


class ModelkilnError(Exception):
    """Bad input or a failed verification: an error to show to the user.

    A message reads: address, then what is wrong with which value, then the option or command
    that fixes it. The command line prints it without a traceback and exits with 1.
    """


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Report what keeps `output` from being written, by its name and not by that of a temporary file."""
    try:
        yield
    except OSError as error:
        raise ModelkilnError(
            f"{output}: cannot be written: {error.strerror or error}. Make its folder writable, with space on its "
            "disk, or name another output."
        ) from None


def reason(error: Exception) -> str:
    """Why a document could not be read, in words: `error` is what reading its values raised."""
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}"
    if isinstance(error, (TypeError, AttributeError)):
        return f"it has values of another kind: {error}"
    return str(error)
