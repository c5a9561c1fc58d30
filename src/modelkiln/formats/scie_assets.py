"""The files of a portable CPython's lock: where they are read from, each kept by its hash alone."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Iterable, Mapping, Optional, Sequence

from modelkiln.base.portable_python import address_of
from modelkiln.base.portable_python_lock import (
    InterpreterLock,
    check_release,
    python_path,
    scie_jump_path,
    science_path,
)
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env
from modelkiln.pinned_file import PinnedFile
from modelkiln.progress import Progress
from modelkiln.sources.source import Source, SourceFile, open_source
from modelkiln.sources.transfer import Transfer
from modelkiln.store.store import Store

__all__ = ["fetch_assets", "lock_interpreter", "scie_versions"]

# Checksums are published in a file next to each, or in one for all of a release. The latter's largest
# had 200 kB.
_CHECKSUMS_LIMIT = 4 << 20


def scie_versions() -> tuple[str, str]:
    """The versions of science and scie-jump that Pex works with."""
    from pex.scie import science

    return science.MIN_SCIENCE_VERSION.raw, science.SCIE_JUMP_VERSION


def lock_interpreter(
    python: str, release: str, architectures: Sequence[str], store: Store, where: str, has_scie: bool = True
) -> InterpreterLock:
    """Read all files for `architectures` into `store`, and return their lock.

    python: "3.11.14". release: of python-build-standalone. has_scie: with what the format `scie` takes. Each file
    is checked against the checksum that is published next to it, where there is one. Raises ModelkilnError that
    begins with `where`.
    """
    check_release(python, release, where)
    paths = [python_path(python, release, name) for name in architectures]
    if has_scie:
        science, jump = scie_versions()
        paths += [science_path(science, name) for name in architectures]
        paths += [scie_jump_path(jump, name) for name in architectures]
    env = load_machine_env(store.root)
    return InterpreterLock(python, release, tuple(_lock_one(path, store, env, where) for path in sorted(paths)))


def _lock_one(path: str, store: Store, env: Mapping[str, str], where: str) -> PinnedFile:
    title = f"{where}: {path}"
    source, file = _open(path, env, title)
    published = _published(path, env, where)
    with Progress(f"lock {path.rpartition('/')[2]}", file.size) as progress:
        found = Transfer(source, file, store, progress, title).run()
    if published and found.sha256 != published:
        raise ModelkilnError(
            f"{title}: has sha256 {found.sha256}, and its publisher says {published}. "
            "The file was damaged or changed on its way; lock again, or choose another mirror."
        )
    return PinnedFile(path, found.sha256, found.size)


def fetch_assets(assets: Iterable[PinnedFile], store: Store, where: str) -> None:
    """Put those that `store` lacks into it; raises ModelkilnError for files of another hash."""
    env = load_machine_env(store.root)
    missing = [asset for asset in sorted(assets, key=str) if not store.holds(asset.digest)]
    with Progress(f"fetch {where}", sum(asset.size for asset in missing)) as progress:
        for asset in missing:
            title = f"{where}: {asset.path}"
            source, file = _open(asset.path, env, title)
            file = replace(file, size=asset.size, sha256=asset.sha256)
            Transfer(source, file, store, progress, title).run(asset.sha256)


def _open(path: str, env: Mapping[str, str], title: str) -> tuple[Source, SourceFile]:
    try:
        source = open_source(address_of(path, env), env, Path("/"))
        return source, source.list().files[0]
    except ModelkilnError as error:
        raise ModelkilnError(f"{title}: {error}") from None


def _published(path: str, env: Mapping[str, str], where: str) -> Optional[str]:
    """The sha256 (hex) that is published next to a file, or None."""
    folder, _, name = path.rpartition("/")
    for listed in (f"{path}.sha256", f"{folder}/SHA256SUMS"):
        try:
            source, file = _open(listed, env, where)
            with source.open(file) as stream:
                text = stream.read(_CHECKSUMS_LIMIT).decode("utf-8", "replace")
        except ModelkilnError:
            continue  # Not every project has both.
        # sha256sum(1): the digest, a space, a space or `*`, and the name.
        match = re.search(rf"^([0-9a-f]{{64}})(?: [ *]{re.escape(name)})?$", text, re.MULTILINE)
        if match:
            return match.group(1)
    return None
