"""Kill `pants package` and all of its steps in the middle of writing, chosen by the bytes that its caches have got, and
run it on full and read-only disks; see README.md. Runs as root.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Optional

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / name) for name in ("src", "tests/support", "tests/support/samples", "tests/e2e")]

from all_formats import offline, write_all_formats  # noqa: E402
from monorepo import files_of  # noqa: E402

_ROOM = 2 << 30
_SECONDS = 900


def main() -> int:
    """Print what happened at each point, and what went wrong; 1 where anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=16, help="how many, spread over one build (default: %(default)s)")
    args = parser.parse_args()
    if os.environ.get("KILLS_NAMESPACE") != "1":  # Disks are mounted where nobody else sees them.
        command = ["unshare", "--mount", sys.executable, *sys.argv]
        return subprocess.run(command, env={**os.environ, "KILLS_NAMESPACE": "1"}, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="modelkiln-kills-") as temporary:
        return _Build(Path(temporary)).run(args.kills)


class _Build:
    """A monorepo whose caches are on a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self._repo = write_all_formats(folder / "repo")
        self._disk, sandboxes = folder / "disk", folder / "sandboxes"
        self._disk.mkdir()
        sandboxes.mkdir()
        self._store = self._disk / "named/modelkiln"
        self._env = offline(self._repo, folder / "inputs")
        self._env["PANTS_LOCAL_EXECUTION_ROOT_DIR"] = str(sandboxes)
        self._env["PANTS_LOCAL_STORE_DIR"] = str(folder / "lmdb")
        self._env["PANTS_NAMED_CACHES_DIR"] = str(self._disk / "named")
        self._folder = folder
        self._problems: List[str] = []

    def run(self, kills: int) -> int:
        """Build undisturbed, with kills, and on disks that take little or nothing."""
        self._mount("rw", _ROOM)
        try:
            assert 0 == self._package(), self._log()
            self._whole, need = self._dist(), _bytes_of(self._store)
            self._forget()
            killed = sum(self._package(need * (number + 1) // (kills + 1)) < 0 for number in range(kills))
            self._end("after the kills")
            for options, size in (("rw", need // 8), ("rw", need // 2), ("rw", need * 7 // 8), ("ro", _ROOM)):
                self._refuse(options, size, need)
        finally:
            subprocess.run(["umount", self._disk], check=True)
        for problem in self._problems:
            print(problem)
        print(f"{killed} kills, {need} bytes in the store, {len(self._problems)} problems")
        return int(bool(self._problems))

    def _refuse(self, options: str, size: int, need: int) -> None:
        where = "a read-only disk" if options == "ro" else f"a disk with room for {size / need:.0%}"
        self._forget()
        self._mount(f"remount,{options}", size)
        code = self._package()
        said = self._log()
        print(f"{where}: {code}, {' '.join(said.split())[-300:]}", flush=True)
        if code != 1:
            self._problems.append(f"{where}: ended with {code}: {said}")
        self._mount("remount,rw", _ROOM)
        self._end(f"after {where}")

    def _end(self, when: str) -> None:
        """The next build comes to its end, is right, and leaves nothing half-made."""
        self._problems += [f"{when}: blob {name} is damaged" for name in _damaged(self._store)]
        code = self._package()
        if code != 0:
            self._problems.append(f"{when}: the next build ended with {code}: {self._log()}")
        elif self._whole != self._dist():
            self._problems.append(f"{when}: the next build made something else")
        gc = [sys.executable, "-m", "modelkiln", "store", "gc", f"--store={self._store}"]
        subprocess.run(gc, check=True, env={**os.environ, "PYTHONPATH": str(_ROOT / "src")}, stdout=subprocess.DEVNULL)
        left = [*self._store.glob("incoming/*"), *self._store.glob("tool-environments/*.part")]
        self._problems += [f"{when}: {path.name} is left" for path in left]

    def _package(self, bytes_wanted: Optional[int] = None) -> int:
        """Run `package`, and kill all of it once the store has so many bytes; returns the exit code."""
        log = (self._folder / "log").open("wb")
        started = time.monotonic()
        with (
            log,
            subprocess.Popen(
                [_ROOT / "pants", "package", "::"],
                cwd=self._repo.root,
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as build,
        ):
            while build.poll() is None:
                if bytes_wanted is not None and _bytes_of(self._store) >= bytes_wanted:
                    self._kill_all(build.pid)
                if time.monotonic() - started > _SECONDS:
                    self._problems.append(f"stuck after {_SECONDS} s")
                    self._kill_all(build.pid)
                time.sleep(0.01)
        if bytes_wanted is not None:
            self._problems += [f"killed at {bytes_wanted}: {name} is damaged" for name in _damaged(self._store)]
            print(f"{bytes_wanted} bytes: {'killed' if build.returncode < 0 else build.returncode}", flush=True)
        return build.returncode

    def _kill_all(self, pid: int) -> None:
        """Kill the process, and those that work in the folder: Pants gives each step a session of its own."""
        _kill(pid)
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                inside = os.readlink(entry / "cwd").startswith(str(self._folder))
            except OSError:
                continue
            if inside and int(entry.name) != os.getpid():
                _kill(int(entry.name))

    def _dist(self) -> Dict[str, object]:
        return {name: what for name, what in files_of(self._repo.dist).items() if not name.startswith(".store")}

    def _forget(self) -> None:
        """Go back to empty caches and nothing in dist/."""
        for path in (self._folder / "lmdb", self._repo.dist, *self._disk.iterdir()):
            shutil.rmtree(path, ignore_errors=True)

    def _log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")

    def _mount(self, options: str, size: int) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"{options},size={size}", "tmpfs", str(self._disk)]
        subprocess.run(command, check=True)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _bytes_of(folder: Path) -> int:
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(inner, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _damaged(store: Path) -> List[str]:
    blobs = [path for path in store.glob("sha256/*/*") if path.is_file()]
    return [path.name for path in blobs if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]


if __name__ == "__main__":
    sys.exit(main())
