"""A real index of Python packages on loopback (pypiserver), which wants a login for uploads."""

import os
from contextlib import contextmanager
from pathlib import Path

from components import require, require_venv
from servers import listening

__all__ = ["LOGIN", "package_index"]

LOGIN = ("ada", "s3cret-of-the-index")
_LOCK = Path(__file__).resolve().parents[4] / "3rdparty/python/pypiserver.txt"


@contextmanager
def package_index(folder, *options):
    """Run pypiserver on the packages of `folder`; yields its host and port."""
    import subprocess

    folder.mkdir(parents=True, exist_ok=True)
    users = folder.with_name(f"{folder.name}.users")
    # SHA-1, which the one hash of Apache's is that the server knows without more packages.
    users.write_bytes(subprocess.run([require("htpasswd"), "-bns", *LOGIN], stdout=subprocess.PIPE, check=True).stdout)
    python = require_venv(_LOCK)

    def command(port):
        run = [python, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", str(port), "-P", str(users), *options]
        return [*run, str(folder)]

    with listening(command, folder.with_name(f"{folder.name}.log"), env={"PATH": os.environ.get("PATH", "")}) as port:
        yield f"127.0.0.1:{port}"
