"""The engine with its dependencies: an environment that it runs from, and a file that such an environment is made of.

pip installs what a lock pins by hash. The file is a zip application (PEP 441) of all that was installed: where it
runs, it unpacks itself into an environment next to the store, once, and starts that. It is the same on each machine
for which pip chooses the same wheels: what pip writes about the machine is left out, and so is byte code.

    python -I tool_environment.py LOCK SOURCES STORE OUTPUT     makes both, or the file of an environment that exists
    python -I tool_environment.py LOCK SOURCES STORE            makes the environment, and byte code in it
    python -I OUTPUT STORE ARGUMENTS                            runs the engine

LOCK: a requirements file. SOURCES: the folder in which the package `modelkiln` is. For an interpreter that has no pip
the environment variable MODELKILN_PEX names a Pex tool, which has one for CPython up to 3.11; the exit code is 3 where
there is none.
"""

import compileall
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

__all__ = ["PEX", "PROGRAM", "content_key", "environment_name", "site_packages"]

# Below the store: a folder an environment, and next to it the file that its users lock.
_ENVIRONMENTS = "tool-environments"
# In an environment: what starts the engine. Its lock is held for as long as the engine runs, so that cleaning the
# store spares it.
PROGRAM = "bin/modelkiln"
_START = """\
import fcntl, os, sys
environment = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
try:
    os.utime(environment)
    lock = os.open(environment + ".lock", os.O_RDONLY | os.O_CREAT, 0o666)
    fcntl.flock(lock, fcntl.LOCK_SH)  # What cleans the store has it for a moment only.
except OSError:  # Not ours to write: somebody else's store, who cleans it.
    pass
try:
    from modelkiln.cli.main import main
    code = main()
except ImportError as error:
    # Every module is in there, so that one is damaged.
    sys.exit(f"{environment}: this installation of the packaging engine is damaged ({error}). Remove that folder and "
             "run the command again, which installs it anew.")
sys.exit(code)
"""
PEX = "MODELKILN_PEX"
# Where in a Pex tool its pip is (pex/vendor), which is patched there and as old as what it runs on.
_VENDORED_PIP = "/vendor/_vendored/pip/"
# In the file: what its environment is called after, and below which folder all is that was installed.
_KEY, _SITE = "key", "site"
# What pip writes about this run ("Recording installed projects"), and scripts, which name this machine's interpreter.
_ABOUT_THE_RUN = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")
_DATE = (1980, 1, 1, 0, 0, 0)


def content_key(lock: bytes, sources: Iterable[Tuple[str, bytes]]) -> str:
    """Return what decides the content: the lock without lines of its own options, and the engine's files by path."""
    digest = hashlib.sha256()
    for name, data in [("", lock), *sorted(sources)]:
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def environment_name(key: str, python: str) -> str:
    """Return where the environment for the interpreter `python` is, relative to the store. python: its real path."""
    return f"{_ENVIRONMENTS}/{hashlib.sha256(f'{key} {python}'.encode()).hexdigest()[:32]}"


def _place(store: Path, key: str) -> Path:
    # Not by the path of the store in a sandbox, which is another one each time.
    return store.resolve() / environment_name(key, os.path.realpath(sys.executable))


def _read_sources(folder: Path) -> List[Tuple[str, bytes]]:
    files = sorted((folder / "modelkiln").rglob("*.py"))
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files]


@contextmanager
def _made(target: Path) -> Iterator[Optional[Path]]:
    """A folder that is not there yet and is `target` afterwards; None where there is a `target` already."""
    if _is_whole(target):
        yield None
        return
    with _locked(target):
        if _is_whole(target):  # By another process meanwhile.
            yield None
            return
        part = target.with_name(f"{target.name}.part")
        for path in (part, target):  # Of a process that was killed, or for an interpreter that is gone.
            if path.exists():
                shutil.rmtree(path)
        yield part
        (part / PROGRAM).write_text(_START)
        os.rename(part, target)


@contextmanager
def _locked(target: Path, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    path = f"{target}.lock"
    target.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "ab") as lock:
            fcntl.flock(lock, kind)
            if os.fstat(lock.fileno()).st_nlink:  # Cleaning the store removes those that nobody holds.
                yield
                return


def _is_whole(environment: Path) -> bool:
    return os.access(environment / "bin" / "python", os.X_OK)


def site_packages(environment: Path) -> Path:
    """Return where an environment has its packages."""
    return environment / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


def _make_venv(folder: Path) -> Path:
    """Make a virtual environment; returns its site-packages."""
    # The paths that it writes into scripts are not those at which it will be; nobody runs these scripts.
    venv.EnvBuilder(symlinks=True).create(folder)
    return site_packages(folder)


def install(lock: Path, sources: Path, store: Path) -> Tuple[str, Path]:
    """Make the environment in `store` unless it is there. Returns what decides its content, and where it is."""
    read = _read_sources(sources)
    key = content_key(lock.read_bytes(), read)
    environment = _place(store, key)
    with _made(environment) as folder:
        if folder:
            site = _make_venv(folder)
            _run_pip(lock, site, sources, store)
            for name, data in read:
                (site / name).parent.mkdir(parents=True, exist_ok=True)
                (site / name).write_bytes(data)
    return key, environment


def _run_pip(lock: Path, site: Path, sources: Path, store: Path) -> None:
    program = str(sources / "modelkiln/manifest/pip_settings.py")
    command = [sys.executable, "-I", program, "pip", "install"]
    command += ["--no-input", "--disable-pip-version-check", "--no-color", "--quiet", "--no-warn-script-location"]
    command += ["--no-deps", "--require-hashes", "--no-compile", f"--cache-dir={store.resolve() / 'pip-cache'}"]
    command += [f"--target={site}", f"--requirement={lock}"]
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, **_other_pip(f"{folder}/pip")}
        log = Path(folder, "log")
        command.append(f"--log={log}")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=env, check=False)
        if done.returncode:
            sys.stderr.write(_about_indexes(log))
            raise SystemExit(done.returncode)
    shutil.rmtree(site / "bin", ignore_errors=True)
    for folder in site.glob("*.dist-info"):
        for name in _ABOUT_THE_RUN:
            if (folder / name).exists():
                (folder / name).unlink()


def _about_indexes(log: Path) -> str:
    """Return what pip says of indexes in its log alone, each line once: which they are, and whether one refused it."""
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    return "".join(
        f"{line}\n" for line in dict.fromkeys(re.findall("(?:Looking in indexes: |Could not fetch URL ).*", text))
    )


def _other_pip(folder: str) -> Dict[str, str]:
    """Unpack the pip of a Pex tool, where one is named, to `folder`. Returns variables for pip_settings.py."""
    if not os.environ.get(PEX):
        return {}
    with zipfile.ZipFile(os.environ[PEX]) as pex:
        for info in pex.infolist():
            if _VENDORED_PIP in info.filename and not info.is_dir():
                info.filename = info.filename.partition(_VENDORED_PIP)[2]
                pex.extract(info, folder)
    return {"MODELKILN_OTHER_PIP": folder}


def write_file(key: str, environment: Path, output: Path) -> None:
    """Write the zip application of an environment."""
    site = site_packages(environment)
    files = sorted(path for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "__main__.py", Path(__file__).read_bytes(), 0o644)
        _add(archive, _KEY, key.encode(), 0o644)
        for path in files:
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            _add(archive, f"{_SITE}/{path.relative_to(site).as_posix()}", path.read_bytes(), mode)


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3  # Unix, on every machine: its modes are in the upper half.
    info.external_attr = (0o100000 | mode) << 16
    archive.writestr(info, data)


def unpack(file: str, store: Path) -> Path:
    """Make the environment that a zip application holds, unless it is there. Returns where it is."""
    with zipfile.ZipFile(file) as archive:
        key = archive.read(_KEY).decode()
        environment = _place(store, key)
        with _made(environment) as folder:
            if folder:
                site = _make_venv(folder)
                for info in archive.infolist():
                    if info.filename.startswith(f"{_SITE}/"):
                        target = site / info.filename[len(_SITE) + 1 :]
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(archive.read(info))
                        target.chmod(info.external_attr >> 16 & 0o777)
    return environment


def main(arguments: List[str]) -> None:
    """Run the program; see above."""
    if zipfile.is_zipfile(sys.argv[0]):
        environment = unpack(sys.argv[0], Path(arguments[0]))
        with suppress(OSError):
            os.utime(environment)  # Cleaning spares it until what starts there has its lock.
        python = str(environment / "bin" / "python")
        os.execv(python, [python, "-I", str(environment / PROGRAM), *arguments[1:]])
    lock, sources, store, *output = map(Path, arguments)
    while True:
        key, environment = install(lock, sources, store)
        with _locked(environment, fcntl.LOCK_SH):  # Cleaning spares it meanwhile, and may have been faster.
            if _is_whole(environment):
                _use(key, environment, *output)
                return


def _use(key: str, environment: Path, output: Optional[Path] = None) -> None:
    if output:
        write_file(key, environment, output)
        return
    site = site_packages(environment)
    # Ahead of time: what the first steps import, in the order in which they do.
    for folder in (site / "modelkiln", site / "pip", site):
        compileall.compile_dir(folder, quiet=2)


if __name__ == "__main__":
    main(sys.argv[1:])
