"""Kill commands of the engine in the middle of writing, on disks with room, full ones and read-only ones, and see that
nothing is corrupt, nothing is stuck, and the next run is right.

Runs as root, with gcc and Debian's docker-registry; see README.md.
"""

import argparse
import collections
import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / name) for name in ("src", "tests/support", "tests/support/samples")]

from loopback.registries import registry  # noqa: E402
from tasks import TASKS, Task  # noqa: E402

from modelkiln.cli.main import main as modelkiln  # noqa: E402

_ROOM, _PAGE = 256 << 20, 4096
# A run that takes longer waits for something that will not come.
_SECONDS = 120
_SHARES = {"room": 15, "full": 10, "read-only": 4}


class Ended(NamedTuple):
    """How a command ended. steps: how many it made."""

    code: int
    steps: int
    errors: str


def main() -> int:
    """Print a table of tasks and disks, and what went wrong; 1 where anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [task.name for task in TASKS]
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--times", type=float, default=1, help="how many times 29 kills of each (default: 1)")
    args = parser.parse_args()
    if "KILLER" not in os.environ:
        return _again()
    folder = Path(os.environ["KILLER"]).parent
    with registry(folder / "registry") as host:
        wanted = [task for task in TASKS if not args.tasks or task.name in args.tasks]
        _print_head()
        rows = []
        for task in wanted:
            rows.append(Killing(task(host), folder).run(args.times))
            _print_row(rows[-1])
    print(f"{sum(sum(row.kills.values()) for row in rows)} kills")
    return int(any(row.problems for row in rows))


def _again() -> int:
    """Run this program with what kills it preloaded, where nobody else sees the disks that it mounts."""
    with tempfile.TemporaryDirectory(prefix="modelkiln-kills-") as temporary:
        killer, shared = Path(temporary, "killer.so"), Path(temporary, "shared")
        source = Path(__file__).with_name("killer.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", killer, source, "-ldl"], check=True)
        shared.write_bytes(bytes(16))
        env = {**os.environ, "KILLER": str(shared), "HOME": temporary}
        command = ["unshare", "--mount", "env", f"LD_PRELOAD={killer}", sys.executable, "-B", *sys.argv]
        return subprocess.run(command, env=env, check=False).returncode


class Row(NamedTuple):
    """What happened to one task. kills, refused: by kind of disk."""

    task: str
    steps: int
    kills: Dict[str, int]
    refused: Dict[str, int]
    problems: List[str]


def _print_head() -> None:
    kinds = "".join(f"{'killed, ' + kind:>20}" for kind in _SHARES)
    print(f"{'':16}{'steps':>8}{kinds}{'refused':>9}{'wrong':>7}")


def _print_row(row: Row) -> None:
    kills = "".join(f"{row.kills[kind]:>20}" for kind in _SHARES)
    print(f"{row.task:16}{row.steps:>8}{kills}{sum(row.refused.values()):>9}{len(row.problems):>7}", flush=True)
    for problem in row.problems:
        print(problem, flush=True)


class Killing:
    """Kills one task again and again, each time on a new disk."""

    def __init__(self, task: Task, folder: Path) -> None:
        self._task = task
        own = folder / task.name.replace(": ", "-")
        self._found, self._disk, self._said = own / "found", own / "disk", own / "said"
        self._found.mkdir(parents=True)
        self._disk.mkdir()
        self._problems: List[str] = []
        self._kills: Dict[str, int] = collections.Counter()
        self._refused: Dict[str, int] = collections.Counter()
        self._number = 0
        with open(os.environ["KILLER"], "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 16)

    def run(self, times: float) -> Row:
        """Run it undisturbed, and then kill it, at steps that are spread evenly over its own."""
        ended = self._apart(lambda: self._task.prepare(self._found))
        assert 0 == ended.code, ended.errors
        with self._mounted():
            before = _used(self._disk)
            ended = self._call()
            assert 0 == ended.code, ended.errors
            self._whole = self._task.result(self._disk, self._number)
            need, steps = _used(self._disk) - before, ended.steps
            self._left = self._clean()
        for kind, share in _SHARES.items():
            count = max(1, round(share * times))
            for number in range(count):
                self._kill(kind, (number + 0.5) / count, need, steps)
        return Row(self._task.name, steps, self._kills, self._refused, self._problems)

    def _kill(self, kind: str, progress: float, need: int, steps: int) -> None:
        """Kill it at that progress on one disk. One that refuses it does so once undisturbed, which counts steps."""
        where = f"{self._task.name}, {kind} disk, {progress:.0%}"
        if kind != "room":
            with self._mounted(kind, int(need * progress)):
                ended = self._call()
                self._refused[kind] += ended.code == 1
                if ended.code not in (0, 1) or "Traceback" in ended.errors:
                    self._problems.append(f"{where}: ended with {ended.code}: {ended.errors}")
                self._see(where)
                steps = ended.steps
        with self._mounted(kind, int(need * progress)):
            # Where it is refused, what comes last is the refusal: every other kill is in there.
            at = steps - self._number // 2 % 8 if kind == "full" and self._number % 2 else int(steps * progress) + 1
            ended = self._call(max(1, at))
            self._kills[kind] += ended.code < 0
            self._see(f"{where}, step {at} of {steps}")

    def _see(self, where: str) -> None:
        """Look at the disk as it is, run the command again on one that takes everything, and look at that."""
        found = self._task.problems(self._disk, self._number, self._whole)
        self._mount("remount,rw", _ROOM)
        ended = self._call()
        if ended.code != 0:
            found.append(f"the next run ended with {ended.code}: {ended.errors}")
        elif self._whole != self._task.result(self._disk, self._number):
            found.append("the next run made something else")
        else:
            found += [f"{name} is left, or missing" for name in sorted(self._clean() ^ self._left)]
        self._problems += [f"{where}: {one}" for one in found]

    def _call(self, at: int = 0) -> Ended:
        """Run the command, and kill it at a step."""
        arguments = self._task.command(self._disk, self._number)
        return self._apart(lambda: modelkiln(arguments), at)

    def _apart(self, action: Callable[[], Optional[int]], at: int = 0) -> Ended:
        """Do something in a process of its own, which has all modules already."""
        self._shared[:] = struct.pack("ll", 0, at)
        child = os.fork()
        if child == 0:
            os.setsid()
            said = os.open(self._said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1), os.dup2(said, 2)
            os.chdir(self._disk)
            code = 70
            try:
                code = action() or 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush(), sys.stderr.flush()
                os._exit(code)
        status = _wait(child)
        steps, _ = struct.unpack("ll", self._shared[:])
        self._shared[:] = bytes(16)
        return Ended(status, steps, self._said.read_text("utf-8", "replace"))

    def _clean(self) -> Set[str]:
        """All names on the disk, without blobs and hints, after the store was cleaned of what dead processes left."""
        ended = self._apart(lambda: modelkiln(["store", "gc", f"--store={self._disk}/store"]))
        assert 0 == ended.code, ended.errors
        names = {path.relative_to(self._disk).as_posix() for path in self._disk.rglob("*")}
        users = {name for name in names if name.startswith("store/users/")}  # With random names: who cleaned is one.
        # What was read before a kill may be kept otherwise; and what a registry has is remembered of what is sent.
        others = {name for name in names if name.startswith(("store/sha256/", "store/published"))}
        return names - users - others | {f"{len(users)} users of the store"}

    @contextmanager
    def _mounted(self, kind: str = "room", room: int = 0) -> Iterator[None]:
        """A new disk with what the command finds: with room, with so many bytes left, or read-only."""
        self._number += 1
        self._mount("rw", _ROOM)
        try:
            shutil.copytree(self._found, self._disk, dirs_exist_ok=True, symlinks=True)
            if kind == "full":
                self._mount("remount,rw", _used(self._disk) + max(room, _PAGE))
            elif kind == "read-only":
                self._mount("remount,ro", _ROOM)
            yield
        finally:
            subprocess.run(["umount", self._disk], check=True)

    def _mount(self, options: str, size: int) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"{options},size={size}", "tmpfs", str(self._disk)]
        subprocess.run(command, check=True)


def _wait(child: int) -> int:
    """How a process ended, as `subprocess` has it; one that is stuck is killed, and 124."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 124


def _used(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


if __name__ == "__main__":
    sys.exit(main())
