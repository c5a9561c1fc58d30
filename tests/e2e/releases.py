"""Packages this repository with one Pants after the other, and compares every file in dist/.

    python tests/e2e/releases.py ./pants /opt/pants-2.31.0 /opt/pants-2.33.0

Each is a command that starts Pants. All work in one copy of the repository, where each finds the daemons of the
others running; each has a cache of processes of its own, so that it runs all of them, and wheels and Debian packages
are in the store of this machine. The first runs once more at the end. The exit code is 1 where files differ. The
plugin's own wheel is not compared: the setuptools that a release of Pants brings writes its name into it.
"""

import hashlib
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ.pop("MODELKILN_TEST_PANTS", None)
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from monorepo import Monorepo, copy_repository, environment, files_of  # noqa: E402


def main(commands):
    """Print a line for each Pants, and what differs."""
    folder = Path(tempfile.mkdtemp(prefix="modelkiln-releases-"))
    repos, first = [], None
    try:
        copy_repository(folder / "repository", any_release=True)
        for number, command in enumerate([*commands, commands[0]]):
            launcher = shlex.split(command)
            launcher[0] = os.path.abspath(launcher[0])
            env = {**environment(), "PANTS_LOCAL_STORE_DIR": str(folder / f"lmdb-{command.replace('/', '-')}")}
            repo = Monorepo(folder / "repository", env, launcher=launcher)
            repos.append(repo)
            shutil.rmtree(repo.dist, ignore_errors=True)
            version, started = repo.pants("--version").out.decode().strip(), time.monotonic()
            repo.pants("package", "::")
            seconds = time.monotonic() - started
            files = {name: what for name, what in files_of(repo.dist).items() if not name.startswith("modelkiln-")}
            digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
            first = files if number == 0 else first
            differing = sorted(name for name in {*files, *first} if files.get(name) != first.get(name))
            print(f"Pants {version:8} {seconds:6.1f} s  {len(files)} files, all together sha256:{digest}", flush=True)
            for name in differing:
                print(f"  differs from the first: {name}")
            if differing:
                return 1
        return 0
    finally:
        for repo in repos:
            repo.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
