"""Real components that tests need: found, or reported as missing.

COMPONENTS is the one list of them: `require` finds nothing else, and CI installs what it names. Run as a
program, which takes a Python alone, `--packages` prints the Debian packages and `--check` what is missing.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Optional

__all__ = [
    "COMPONENTS",
    "missing_components",
    "require",
    "require_built",
    "require_go",
    "require_npm",
    "require_uv",
    "require_venv",
]

# Programs, each with the Debian package that has it.
COMPONENTS = {
    "apt-get": "apt",
    "bash": "bash",
    "busybox": "busybox-static",
    "bwrap": "bubblewrap",
    "chromium": "chromium",
    "crun": "crun",
    "disorderfs": "disorderfs",
    "docker-registry": "docker-registry",
    "dpkg-query": "dpkg",
    "fish": "fish",
    "gcc": "gcc",
    "git": "git",
    "git-lfs": "git-lfs",
    "gpg": "gpg",
    "gpgconf": "gpgconf",
    "gpgv": "gpgv",
    "htpasswd": "apache2-utils",
    "npm": "npm",
    "openssl": "openssl",
    "podman": "podman",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-x86_64-static": "qemu-user-static",
    "runc": "runc",
    "sed": "sed",
    "skopeo": "skopeo",
    "umoci": "umoci",
    "umount": "mount",
    "unshare": "util-linux",
    "zsh": "zsh",
}
# Files that are not programs, each with the Debian package that has it.
_FILES = {
    "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema": "golang-github-opencontainers-image-spec-dev",
    "/usr/include/stdio.h": "libc6-dev",
}
_ROOT = Path(__file__).resolve().parents[2]
# Runs pip and uv with those of the machine's settings that say how an index is reached.
_SETTINGS = _ROOT / "src/modelkiln/manifest/pip_settings.py"
_UV = _ROOT / "3rdparty/python/uv.txt"
_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
# Where Go's own archives are unpacked.
_GO_PATH = "/usr/local/go/bin"
# Some of a venv's packages are large: a slow mirror needs its time.
_INSTALL_SECONDS = 900


def _find(name: str) -> Optional[str]:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":" + _SYSTEM_PATH)


def missing_components() -> Dict[str, str]:
    """Return the programs and files that this machine lacks, each with the Debian package that has it."""
    missing = {name: package for name, package in COMPONENTS.items() if not _find(name)}
    return {**missing, **{path: package for path, package in _FILES.items() if not os.path.exists(path)}}


def require(name: str) -> str:
    """Return the path of the program `name`, which COMPONENTS lists.

    Where it is missing the test is skipped, except where MODELKILN_REQUIRE_COMPONENTS=1 is set
    (CI sets it): there the test fails.
    """
    package = COMPONENTS[name]
    path = _find(name)
    if path:
        return path
    _missing(f"{name} is not installed; install the Debian package {package}")


def require_venv(lock: Path) -> str:
    """Return the interpreter of a venv that holds what the hashed lock of a component pins.

    For components that would pin too much alongside the tests' own packages. It is made once a
    machine, below the user's cache folder. Skips or fails as `require` does.
    """
    uv = require_uv()
    name = f"{lock.stem}-{sys.version_info[0]}.{sys.version_info[1]}"
    with _component(name, lock) as (folder, is_made):
        python = folder / "bin" / "python"
        if not is_made:
            # Byte code is made of what is imported, which is little of it.
            make = [sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)]
            install = _fetching("uv", str(uv), "pip", "install", "-q", "--no-progress", "--python", str(python))
            downloads = folder / "downloads"  # Of the same disk, so that files are linked.
            with _whole(folder):
                env = {"UV_CACHE_DIR": str(downloads), **os.environ}
                _install(lock.name, make, [*install, "--no-deps", "--require-hashes", "-r", str(lock)], env=env)
                shutil.rmtree(downloads, ignore_errors=True)
    return str(python)


def require_uv():
    """The path of uv, which installs in seconds what takes pip minutes."""
    with _component("uv", _UV) as (folder, is_made):
        if not is_made:
            options = ["--no-cache-dir", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
            fetch = _fetching("pip", "--disable-pip-version-check", "--no-input", "-qq", "download", *options)
            with _whole(folder):
                _install("uv", [*fetch, "-d", str(folder), "-r", str(_UV)])
                (wheel,) = folder.glob("uv-*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    (name,) = (name for name in archive.namelist() if name.endswith("/scripts/uv"))
                    (folder / "uv").write_bytes(archive.read(name))
                (folder / "uv").chmod(0o755)
                wheel.unlink()
    return folder / "uv"


def _fetching(*arguments):
    return [sys.executable, "-I", str(_SETTINGS), *arguments]


def require_npm(project: Path, program: str) -> str:
    """Return the path of a program of the packages that the lock of an npm project pins by hash.

    As `require_venv`. No script of a package is run.
    """
    npm = require("npm")
    with _component(project.name, project / "package-lock.json") as (folder, is_made):
        if not is_made:
            with _whole(folder):
                folder.mkdir()
                for name in ("package.json", "package-lock.json"):
                    shutil.copy(project / name, folder)
                # In the folder and not with --prefix, which would take the machine's npmrc for one below it.
                options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
                _install(project.name, [npm, "ci", *options, f"--cache={folder / 'downloads'}"], cwd=folder)
                shutil.rmtree(folder / "downloads", ignore_errors=True)
    return str(folder / "node_modules/.bin" / program)


def require_go(project: Path, program: str) -> str:
    """Return the path of a program of the modules that go.mod and go.sum of a project pin by hash.

    As `require_venv`, but without Go the test is skipped in any case: Debian 12 has none that is new enough.
    """
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:{_GO_PATH}")
    if not go:
        import pytest  # As in `_missing`.

        pytest.skip("go is not installed")
    with _component(f"go-{project.name}", project / "go.sum") as (folder, is_made):
        if not is_made:
            with _whole(folder):
                folder.mkdir()
                downloads = folder / "downloads"
                # -modcacherw: what is downloaded can be removed again.
                settings = {"GOPATH": str(downloads), "GOCACHE": str(downloads / "cache"), "GOFLAGS": "-modcacherw"}
                build = [go, "build", "-mod=readonly", "-trimpath", "-o", f"{folder}/", "tool"]
                _install(project.name, build, cwd=project, env={**os.environ, **settings})
                shutil.rmtree(downloads, ignore_errors=True)
    return str(folder / program)


def require_built(name: str) -> str:
    """Return the path of a program on PATH that takes too long to build, and comes in no package.

    Without it the test is skipped in any case.
    """
    path = _find(name)
    if not path:
        import pytest  # As in `_missing`.

        pytest.skip(f"{name} is not on PATH")
    return str(path)


@contextmanager
def _component(name, lock):
    """The folder that gets what a lock pins, and whether it has been made; others wait meanwhile."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/tmp"), ".cache"))
    folder = cache / "modelkiln-tests" / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        is_made = (folder / "complete").exists()
        if not is_made:
            shutil.rmtree(folder, ignore_errors=True)
        yield folder, is_made


@contextmanager
def _whole(folder):
    """A block that fills a component's folder; where it fails the next process starts anew."""
    yield
    (folder / "complete").touch()


def _install(name, *commands, **settings):
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, **settings)
        if done.returncode:
            _missing(f"{name} cannot be installed: {done.stderr[-2000:]}")


def _missing(message):
    import pytest  # Which CI lacks when it asks what is missing.

    if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _main(arguments):
    missing = missing_components()
    if arguments == ["--packages"]:
        print(*sorted(set(missing.values())))
        return 0
    assert arguments == ["--check"], "usage: components.py --packages | --check"
    for name, package in sorted(missing.items()):
        print(f"{name} is missing; the Debian package {package} has it.", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
