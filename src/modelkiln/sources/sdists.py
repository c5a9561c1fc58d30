"""Sdists from package indexes to the store, each kept by its hash alone."""

import tempfile
from pathlib import Path
from typing import Any, Mapping, Union

from modelkiln.digest import hex_of, sha256_stream
from modelkiln.errors import ModelkilnError
from modelkiln.python_lock import Pin
from modelkiln.sdist import is_sdist
from modelkiln.sources.pip import PipResult, index_lines, run_pip
from modelkiln.store import Store

__all__ = ["ensure_sdist", "find_sdist"]

_PROGRAM = Path(__file__).with_name("pip_sdist.py")


def find_sdist(pin: Pin, store: Store) -> Union[dict[str, str], str]:
    """Put the sdist of a pin into `store`, and return its name, version, filename and sha256 (hex).

    Nothing of it is run. Returns pip's reason where no index has one with a pinned hash, or where
    it is of a kind that is not built here.
    """
    incoming = store.root / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incoming) as name:
        folder = Path(name).absolute()
        result = _download(pin, folder, store)
        if "Traceback (most recent call last)" in result.messages:
            last = result.messages.strip().splitlines()[-1]
            raise ModelkilnError(f"{pin}: looking for its sdist failed in pip: {last} Report it as a bug of Modelkiln.")
        if result.code:
            return result.errors
        (path,) = (folder / "sdists").iterdir()
        if not is_sdist(path.name):
            return f"its sdist {path.name} is neither a .tar.gz nor a .zip."
        with path.open("rb") as stream:
            digest, _ = sha256_stream(stream)
        store.take(path, digest)
    return {"name": pin.name, "version": pin.version, "filename": path.name, "sha256": hex_of(digest)}


def _download(pin: Pin, folder: Path, store: Store) -> PipResult:
    (folder / "lock.txt").write_text(index_lines(store) + pin.line())
    arguments = ["--no-binary=:all:", "--no-deps", "--require-hashes", "--dest=sdists", "--requirement=lock.txt"]
    return run_pip([*arguments, "--no-cache-dir"], store, folder, program=[str(_PROGRAM)])


def ensure_sdist(sdist: Mapping[str, Any], store: Store) -> Path:
    """Return the path in `store` of an sdist (name, version, filename and sha256), fetched where it is missing."""
    digest = f"sha256:{sdist['sha256']}"
    if not store.verify(digest):
        found = find_sdist(Pin(sdist["name"], sdist["version"], (sdist["sha256"],)), store)
        if isinstance(found, str):
            raise ModelkilnError(
                f"{sdist['filename']}: cannot be fetched with the locked hash. pip says: {found} Compile the lock "
                "again if an index replaced or withdrew the file."
            )
    return store.path(digest)
