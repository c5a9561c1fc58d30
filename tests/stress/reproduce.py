"""Build a package in each format twice under Debian's `reprotest`, which varies the machine in all of its 14 ways.

Runs as root on Debian 12 with reprotest, disorderfs, faketime, locales and sudo installed; see README.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, Mapping

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / name) for name in ("src", "tests/support", "tests/support/samples", "tests/e2e")]

from all_formats import offline, write_all_formats  # noqa: E402
from monorepo import files_of  # noqa: E402

# Of Debian, beside those that tests need.
_PROGRAMS = ("reprotest", "disorderfs", "faketime", "localedef", "sudo", "setarch", "taskset", "unshare")
# Estonian sorts z before t, Turkish has two letters i.
_LOCALES = ("et_EE", "tr_TR")
# In it, with nothing in any cache and no network. dist/ as another machine gets it, with what it links to.
_BUILD = """\
set -eu
caches=$(mktemp -d)
trap 'rm -rf "$caches"' EXIT
export PANTS_LOCAL_STORE_DIR="$caches/lmdb" PANTS_NAMED_CACHES_DIR="$caches/named"
"$LAUNCHER" package ::
cp -rL dist out
"""
# reprotest 0.7.23 calls `sudo -h localhost`, which sudo refuses for commands since 1.9.17 and Debian's security fix.
_SUDO = """\
#!/bin/sh
[ "$1" != -h ] || shift 2
exec {real} "$@"
"""
# The other user mounts disorderfs, for which some machines leave devices closed. A home that is closed is shown to
# that user with what builds need of it alone. "$@" is the command.
_NAMESPACE = """\
set -eu
mkdir -p "$KEPT"
mount --bind "$LOCALES" /usr/lib/locale
touch "$KEPT/sudo"
mount --bind "$(command -v sudo)" "$KEPT/sudo"
mount --bind "$SUDO" "$(command -v sudo)"
mknod -m 666 "$KEPT/fuse" c 10 229
mount --bind "$KEPT/fuse" /dev/fuse
mknod -m 666 "$KEPT/null" c 1 3
mount --bind "$KEPT/null" /dev/null
if [ "$OPENED" ]; then
    number=0
    echo "$OPENED" | while read -r path; do
        mkdir -p "$KEPT/$number"
        mount --bind "$path" "$KEPT/$number"
        number=$((number + 1))
    done
    mount -t tmpfs -o mode=755 tmpfs "$HOME"
    number=0
    echo "$OPENED" | while read -r path; do
        mkdir -p "$path"
        mount --bind "$KEPT/$number" "$path"
        number=$((number + 1))
    done
fi
exec "$@"
"""


def main() -> int:
    """Run reprotest and print what differs; 1 where anything does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--user", default="daemon:daemon", help="who builds the second time (default: %(default)s)")
    parser.add_argument("--locale", choices=_LOCALES, default=_LOCALES[0], help="of the second build")
    parser.add_argument("--only", metavar="NAMES", default="all", help="variations, such as time,umask (default: all)")
    args = parser.parse_args()
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    if missing or os.getuid() != 0:
        sys.exit(f"reproduce.py runs as root, with all of these on PATH; missing: {', '.join(missing) or 'root'}.")
    with tempfile.TemporaryDirectory(prefix="modelkiln-reproduce-") as temporary:
        return _run(args, Path(temporary))


def _run(args: argparse.Namespace, folder: Path) -> int:
    folder.chmod(0o755)
    repo = write_all_formats(folder / "source")
    env = offline(repo, folder / "inputs")
    _make_locales(folder / "locales")
    varied = ["user_group.available+=" + args.user, "domain_host.use_sudo=1", f"locales.locale+={args.locale}.UTF-8"]
    command = ["unshare", "--mount", "--net", "sh", "-c", _NAMESPACE, "sh", "reprotest", "--no-diffoscope"]
    chosen = args.only.split(",")
    command.append("--variations=" + ",".join(f"+{name}" for name in chosen))
    command += [f"--vary={one}" for one in varied if chosen == ["all"] or one.partition(".")[0] in chosen]
    command += ["--verbosity=1", f"--store-dir={folder / 'results'}", f"--build-command={_BUILD}"]
    sudo = folder / "sudo"
    sudo.write_text(_SUDO.format(real=folder / "kept/sudo"))
    sudo.chmod(0o755)
    env["SUDO"] = str(sudo)
    env.update(
        LAUNCHER=str(_ROOT / "pants"),
        LOCALES=str(folder / "locales"),
        KEPT=str(folder / "kept"),
        OPENED="\n".join(_closed(env)),
    )
    done = subprocess.run([*command, str(repo.root), "out"], env=env, check=False)
    return _report(folder / "results") if done.returncode in (0, 1) else done.returncode


def _closed(env: Mapping[str, str]) -> List[str]:
    """Folders that a build needs below a home that others may not enter."""
    home = Path(env["HOME"])
    if home.stat().st_mode & 0o001:
        return []
    needed = (Path(env["XDG_CACHE_HOME"], "modelkiln/pants"), Path(env.get("PYENV_ROOT", home)), _ROOT)
    return [str(path) for path in needed if home in path.parents]


def _make_locales(folder: Path) -> None:
    """Generate the locales, whole, beside those that C programs always have."""
    shutil.copytree("/usr/lib/locale", folder, ignore=shutil.ignore_patterns("locale-archive"))
    for name in _LOCALES:
        # 1: of warnings about the sources of some locales.
        subprocess.run(["localedef", "-i", name, "-f", "UTF-8", str(folder / f"{name}.utf8")], check=False)
        if not (folder / f"{name}.utf8/LC_COLLATE").exists():
            sys.exit(f"reproduce.py: localedef made no {name}; install Debian's `locales`.")


def _report(results: Path) -> int:
    """Compare what both builds wrote; returns 1 where it differs."""
    one, other = (files_of(results / name / "source-root/out") for name in ("control", "experiment-1"))
    differing = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    for name in differing:
        print(f"differs: {name}: {one.get(name)}, {other.get(name)}")
    print(f"{len(one)} files, {len(differing)} of them differ")
    return int(bool(differing) or not one)


if __name__ == "__main__":
    sys.exit(main())
