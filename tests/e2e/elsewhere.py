"""Other machines and users, whose builds must be the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping

from monorepo import environment

__all__ = ["known_pythons", "other_host", "other_user"]


def known_pythons(env: Mapping[str, str]) -> Dict[str, str]:
    """Return a variable that names to Pants where CPython 3.11 and 3.9 are: these tests' own, and the launcher's.

    With empty caches Pants asks every Python that the machine has what it is, which takes long.
    """
    cache = Path(env.get("XDG_CACHE_HOME") or Path(env["HOME"], ".cache"), "modelkiln/pants")
    found = [Path(sys.executable), *sorted(cache.glob("*/bin/python3.9"))]
    if len(found) == 1 or sys.version_info[:2] != (3, 11):
        return {}  # The official launcher has a Python of its own.
    return {"PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": json.dumps(sorted({str(one.resolve().parent) for one in found}))}


def other_host() -> List[str]:
    """Return a command prefix for another host name and fixed addresses, as far as this host allows."""
    prefix = ["unshare", "--uts", "setarch", "-R", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"]
    try:
        subprocess.run([*prefix, "true"], check=True, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError):
        return []
    return prefix


def other_user(folder: Path) -> Dict[str, str]:
    """Return the environment of a user with other habits, and nothing in any cache."""
    programs = folder / "programs"
    programs.mkdir(parents=True)
    for name in ("gzip", "zstd", "tar", "zip", "dpkg-deb", "zipinfo"):
        (programs / name).write_text("#!/bin/sh\nexit 9\n")
        (programs / name).chmod(0o755)
    env = environment()
    # Installed once for all: the launcher's Pants.
    env.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    # Where the network is reached is configured below the home.
    env.setdefault("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    home = folder / "home of somebody else"
    home.mkdir()
    return {
        **env,
        "EDITOR": "ed",
        **known_pythons(env),
        "HOME": str(home),
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "LOGNAME": "somebody",
        "PANTS_LOCAL_STORE_DIR": str(folder / "caches/lmdb_store"),
        "PANTS_NAMED_CACHES_DIR": str(folder / "caches/named_caches"),
        "PATH": f"{programs}:{env['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "7",
        "SOURCE_DATE_EPOCH": "1000000000",
        "TZ": "Asia/Kathmandu",
        "USER": "somebody",
    }
