"""Pants in a generated monorepo: its commands, its daemon, its caches."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import time
from pathlib import Path
from typing import Iterable

from generate import SOURCE, Monorepo
from measure import Sample, run

__all__ = ["Workspace"]

# Another Pants, as for the tests: docs/pants-releases.md.
_COMMAND = shlex.split(os.environ.get("MODELKILN_TEST_PANTS", "")) or [SOURCE / "pants"]


class Workspace:
    """Runs Pants in a monorepo that is written already."""

    def __init__(self, repo: Monorepo) -> None:
        self.repo = repo
        self.env: dict[str, str] = {}
        """Variables that its commands have besides this program's."""

    def pants(self, *arguments: str) -> Sample:
        """Run `pants ARGUMENTS` and return what it cost."""
        return run([*_COMMAND, *arguments], self.repo.root, {**os.environ, **self.env}, daemon=self.daemon())

    def package(self, target: str = "models::") -> Sample:
        """`pants package TARGET`."""
        return self.pants("package", target)

    def daemon(self) -> int | None:
        """The id of this monorepo's Pants daemon, if it runs."""
        # Since Pants 2.23 below .pants.d.
        for path in (*self.repo.root.glob(".pids/*/pantsd/pid"), *self.repo.root.glob(".pants.d/pids/*/pantsd/pid")):
            pid = int(path.read_text())
            if Path(f"/proc/{pid}").exists():
                return pid
        return None

    def stop(self) -> None:
        """End this monorepo's daemon and wait until it is gone."""
        pid = self.daemon()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        for _ in range(200):
            if not _alive(pid):
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)

    @property
    def store(self) -> Path:
        """The store of blobs."""
        return self.repo.caches / "named_caches" / "modelkiln"

    def record(self, number: int = 0) -> dict:
        """The record of a package in dist/."""
        return json.loads((self._dist(number) / "digits.package.json").read_text())

    def layout(self, number: int = 0) -> Path:
        """The image layout of a package in dist/."""
        return self._dist(number) / "digits.oci"

    def _dist(self, number: int) -> Path:
        return self.repo.root / "dist" / f"models.{self.repo.package(number).name}"

    def blob(self, sha256: str) -> Path:
        """Where a blob of the store lies."""
        return self.store / "sha256" / sha256[:2] / sha256

    def save_caches(self, folder: Path) -> None:
        """Copy the caches, stopped, to `folder`."""
        self.stop()
        shutil.copytree(self.repo.caches, folder, symlinks=True, copy_function=_copy)

    def restore_caches(self, folder: Path, downloads: Path) -> None:
        """Go back to saved caches, with what was downloaded before, and a warm daemon."""
        self.stop()
        shutil.rmtree(self.repo.caches, ignore_errors=True)
        shutil.rmtree(self.repo.root / "dist", ignore_errors=True)
        shutil.copytree(folder, self.repo.caches, symlinks=True, copy_function=_copy)
        shutil.copytree(downloads / "choices", self.store / "choices", dirs_exist_ok=True)  # numpy is chosen by then.
        for path in (downloads / "blobs").iterdir():
            target = self.blob(path.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                os.link(path, target)
        os.sync()
        # Warms the daemon: the package is in the saved caches, but each new daemon looks for a
        # Python interpreter for the engine's tool.
        self.package("prime:prime")

    def seed(self, store: Path | None) -> None:
        """Link what the locks name and another store has, so that it is not downloaded."""
        if store is None:
            return
        for digest in self._locked():
            blob, target = store / "sha256" / digest[:2] / digest, self.blob(digest)
            if blob.exists() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(blob, target)

    def save_downloads(self, folder: Path) -> None:
        """Keep in `folder` what the store has from the network: the wheels and Debian packages that
        the locks name, and what the package index advertised of them."""
        (folder / "blobs").mkdir(parents=True)
        for digest in set(self._locked()):  # Packages for all architectures are in several locks.
            if self.blob(digest).exists():
                os.link(self.blob(digest), folder / "blobs" / digest)
        shutil.copytree(self.store / "choices", folder / "choices")

    def _locked(self) -> Iterable[str]:
        locks = (path.read_text() for path in (self.repo.root / "3rdparty/python").glob("*.txt"))
        yield from {digest for lock in locks for digest in re.findall(r"sha256:([0-9a-f]{64})", lock)}
        for path in sorted((self.repo.root / "3rdparty/debian").glob("*.lock.json")):
            for package in json.loads(path.read_text())["packages"]:
                yield package["sha256"]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _copy(source: str, target: str) -> None:
    # Blobs of weights have holes, which a copy would fill: 20 GB each time. Nobody writes to them.
    if os.stat(source).st_size > 1 << 30:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
