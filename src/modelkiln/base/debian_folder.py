"""A folder of Debian packages, laid out as an archive is, that keeps what archives drop."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.base.debian_mirrors import deb_digest, fetch_debs
from modelkiln.digest import sha256_bytes
from modelkiln.store.store import Store

__all__ = ["fill_folder"]


def fill_folder(packages: Sequence[Mapping[str, Any]], folder: Path, store: Store, env: Mapping[str, str]) -> int:
    """Put the .deb of each locked package below `folder`, under its file name; return how many were not there.

    The folder is then a mirror of these packages, by `file://` or from any web server. Files that are there with
    the locked bytes stay; others are replaced. env: the machine's settings, by which packages that the store lacks
    are fetched. Raises ModelkilnError for those that cannot be had.
    """
    missing = [one for one in packages if not _is_there(folder / one["filename"], one)]
    fetch_debs(missing, store, env)
    for one in missing:
        path = folder / one["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                with store.open(deb_digest(one)) as blob:
                    shutil.copyfileobj(blob, file)
                # A web server runs as another user.
                os.fchmod(file.fileno(), 0o644)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    return len(missing)


def _is_there(path: Path, package: Mapping[str, Any]) -> bool:
    try:
        return path.stat().st_size == package["size"] and sha256_bytes(path.read_bytes()) == deb_digest(package)
    except OSError:
        return False
