"""Commands of users that sign: their words, how long they may take, and how much they may print."""

import select
import shlex
import subprocess
import tempfile
import time
from typing import IO, Mapping, Sequence

from modelkiln.errors import ModelkilnError

__all__ = ["run_command", "words_of"]

# A service that signs is asked over a network, and may ask somebody.
_SECONDS = 600
# Bytes: a signature has a hundred.
_LARGEST_ANSWER = 1 << 20


def words_of(command: str, where: str) -> list[str]:
    """Return what a command is started with, as a shell would split it; raises ModelkilnError for one without words."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ModelkilnError(f"{where}: {command!r} cannot be split into words ({error}). Close its quotes.") from None
    if not words:
        raise ModelkilnError(f"{where}: {command!r} names no program. Write the command that signs.")
    return words


def run_command(words: Sequence[str], environ: Mapping[str, str], name: str, data: bytes = b"") -> tuple[int, bytes]:
    """Return the exit code of a command and what it prints. data: its standard input. environ: its variables.

    Raises ModelkilnError, which calls it `name`, where it cannot be run, takes too long or prints without an end.
    """
    with tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        try:
            with subprocess.Popen(words, 0, stdin=given, stdout=subprocess.PIPE, env=dict(environ)) as process:
                try:
                    return _answer(process, time.monotonic() + _SECONDS, name)
                except BaseException:
                    process.kill()
                    raise
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ModelkilnError(f"{name}: cannot sign ({error}). See that the command can be run.") from None


def _answer(process: "subprocess.Popen[bytes]", end: float, name: str) -> tuple[int, bytes]:
    assert process.stdout is not None
    said, ready = bytearray(), select.poll()
    ready.register(process.stdout, select.POLLIN)
    while more := _read(process.stdout, ready, end):
        said += more
        if len(said) > _LARGEST_ANSWER:
            raise ModelkilnError(f"{name}: prints more than {_LARGEST_ANSWER} bytes, which is not a signature.")
    return process.wait(max(0.0, end - time.monotonic())), bytes(said)


def _read(stream: IO[bytes], ready: "select.poll", end: float) -> bytes:
    """The next bytes; a program that has left one of its own behind may never end them."""
    left = end - time.monotonic()
    if left <= 0 or not ready.poll(left * 1000):
        raise subprocess.TimeoutExpired("the command", _SECONDS)
    return stream.read(1 << 16)
