"""Locks of a model artifact by the engine's own step, and what a failed one may leave behind."""

import hashlib
import json
import os
import sys
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.store.cleaning import list_blobs
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock

__all__ = ["Locking", "left_behind", "opened_below", "read_bytes"]


class Locking:
    """Locks sources below `folder` as the target x:w. store: what it reads into. path: the lock."""

    def __init__(self, folder):
        self.folder, self.store, self.path = folder, Store(folder / "store"), folder / "w.lock.json"

    def __call__(self, source, *more):
        """Lock `source`; returns the exit code."""
        arguments = [f"--source={source}", f"--folder={self.folder}", "--where=x:w", f"--store={self.store.root}"]
        return main(["build", "lock-weights", *arguments, *more, str(self.path)])

    def refuse(self, capsys, source, *messages):
        """Lock `source`, which must fail and report all of `messages`; the lock stays as it was."""
        before = self.path.read_text() if self.path.exists() else None
        capsys.readouterr()
        code = self(source)
        errors = capsys.readouterr().err
        assert 1 == code
        assert "Traceback" not in errors
        for text in ("x:w", *messages):
            assert text in errors, errors
        assert before == (self.path.read_text() if self.path.exists() else None)
        assert [] == left_behind(self.store)
        assert [] == list(self.folder.glob(".w.lock.json*"))

    def check(self, **contents):
        """The lock has exactly these files, and the store is whole."""
        expected = {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in contents.items()}
        files = load_weights_lock(self.path.read_text(), "x").files
        problems = schema_problems("weights-lock", json.loads(self.path.read_text()))
        assert not problems, "\n".join(problems)
        assert expected == {file.path: (file.size, file.sha256) for file in files}
        assert [] == left_behind(self.store)


def left_behind(store):
    """Names of half-made things and damaged blobs. Parts of files, which a next try goes on with, are neither."""
    found = []
    for kind in ("incoming", "roots", "corrupt"):
        found += [f"{kind}/{path.name}" for path in (store.root / kind).glob("*")]
    return found + [blob.digest for blob in list_blobs(store) if not store.verify(blob.digest)]


def read_bytes():
    """Bytes that this process has asked the kernel for (proc(5), /proc/PID/io, rchar)."""
    return int(Path("/proc/self/io").read_text().split()[1])


@contextmanager
def opened_below(folder):
    """Yields a set that gets the paths, relative to `folder`, of files that this process opens in the block."""
    found: set = set()
    _add_hook()
    _watched[os.fspath(folder) + "/"] = found
    try:
        yield found
    finally:
        del _watched[os.fspath(folder) + "/"]


_watched: dict = {}


@lru_cache(maxsize=1)
def _add_hook():
    sys.addaudithook(_watch)  # It cannot be taken back.


def _watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        path = os.fspath(arguments[0])
        for folder, found in list(_watched.items()):
            if isinstance(path, str) and path.startswith(folder) and os.path.isfile(path):
                found.add(path[len(folder) :])
