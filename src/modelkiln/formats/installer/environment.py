"""A PEX's wheels and code as an environment below `PEX_ROOT`, beside what Pex has there:

    installed_wheels/modelkiln-1/SHA256-KEY/{packages,data,headers,scripts}    a wheel, of all PEX files with it
    venvs/modelkiln-1/HASH-KEY/                                  what `python -m venv` makes, and __main__.py

KEY is of the interpreter, whose byte code will lie there.

Both are made in a folder beside them and renamed, so that nobody finds them half there. Site-packages has links. A
folder that one wheel alone has is one link, so that environments share its byte code, too; where several have files in
a folder, as in `nvidia`, these lie together.

Where anything is unusual or fails, nothing stays behind, and Pex does what it always did, with its own messages.
"""

import csv
import errno
import fcntl
import json
import os
import sys
import zipfile
import zlib

from modelkiln.formats.installer.files import Unusual, unpack, write
from modelkiln.formats.installer.scripts import first_line, main_program, script_of, with_first_line, write_script
from modelkiln.formats.installer.sources import PackedPex, ZippedPex
from modelkiln.formats.installer.wheel import Wheel
from modelkiln.formats.installer.workplace import lock, work_folder

__all__ = ["VENVS", "WHEELS", "install"]

WHEELS, VENVS = "installed_wheels/modelkiln-1", "venvs/modelkiln-1"
_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def install(pex, root, venv, base):
    """Make the environment `venv` of the PEX at `pex`, or what it lacks of wheels; returns whether it is there.

    pex: a zip file, or the folder of a packed PEX. venv: relative to the PEX_ROOT `root`; its name ends in a dash and
    KEY. base: the interpreter, not that of a virtual environment.
    """
    home, name = os.path.split(os.path.join(root, venv))
    before = os.umask(0o022)
    # What others may write is nothing to run. A group that shares a PEX_ROOT asks for that by 002.
    os.umask(before if before & 0o002 else before | 0o022)
    try:
        os.makedirs(home, exist_ok=True)
        # As Pex does, so that who cleans a PEX_ROOT waits (pex/cache/access.py).
        with open(os.path.join(root, "access.lck"), "a") as access:
            lock(access, fcntl.LOCK_SH)
            with work_folder(home, name) as work:
                _Installation(pex, root, os.path.join(home, name), base, work).run()
    except (Unusual, OSError, ValueError, LookupError, zipfile.BadZipFile, zlib.error, csv.Error):
        return False
    finally:
        os.umask(before)
    return True


class _Installation:
    """One environment, made in the folder `work`."""

    def __init__(self, pex, root, venv, base, work):
        self._source = PackedPex(pex) if os.path.isdir(pex) else ZippedPex(pex)
        self._root, self._venv, self._base, self._work = root, venv, base, work
        self._key = os.path.basename(venv).rpartition("-")[2]
        self._made = os.path.join(work, "venv")
        self._site = os.path.join(self._made, "lib", _PYTHON, "site-packages")
        # As texts of programs have it, which are UTF-8 in whatever locale; raises ValueError where that cannot be.
        self._python = os.fsencode(os.path.join(venv, "bin", _PYTHON)).decode()
        if "\n" in self._python:
            raise Unusual(self._python)

    def run(self):
        info = json.loads(self._source.info)
        is_made = os.path.exists(self._venv)
        if is_made and all(os.path.isdir(self._place(sha256)) for sha256 in info["distributions"].values()):
            return
        wheels = [Wheel(*self._source.wheel(name), sha256) for name, sha256 in sorted(info["distributions"].items())]
        code = self._source.code(self._site)
        links = _links(wheels, [os.path.relpath(file.target, self._site) for file in code])
        missing = {
            os.path.join(self._work, "wheels", wheel.sha256): wheel
            for wheel in wheels
            if not os.path.isdir(self._place(wheel.sha256))
        }
        os.makedirs(self._site)
        unpack([*code, *(file for folder, wheel in missing.items() for file in wheel.files(folder))])
        for folder, wheel in missing.items():
            wheel.finish(folder)
            _rename(folder, self._place(wheel.sha256))
        if is_made:
            return  # It leads to them: only wheels had been cleaned away.
        self._make_venv(info["entry_point"])
        for path, wheel in links.items():
            _link(os.path.join(self._place(wheel.sha256), "packages", path), os.path.join(self._site, path))
        for wheel in wheels:
            self._place_others(wheel)
        _rename(self._made, self._venv)

    def _place(self, sha256):
        return os.path.join(self._root, WHEELS, f"{sha256}-{self._key}")

    def _make_venv(self, entry_point):
        """What `python -m venv --without-pip` makes, what starts it, and Pex' description, by which others know it."""
        programs = os.path.join(self._made, "bin")
        os.mkdir(programs)
        for target, name in ((self._base, _PYTHON), (_PYTHON, "python"), (_PYTHON, "python3")):
            os.symlink(target, os.path.join(programs, name))
        version = ".".join(map(str, sys.version_info[:3]))
        config = f"home = {os.path.dirname(self._base)}\ninclude-system-site-packages = false\nversion = {version}\n"
        write(os.path.join(self._made, "pyvenv.cfg"), f"{config}executable = {self._base}\n".encode())
        write(os.path.join(self._made, "__main__.py"), main_program(self._python, entry_point), 0o777)
        write(os.path.join(self._made, "PEX-INFO"), self._source.info)
        write(os.path.join(self._made, ".last-access"), b"")

    def _place_others(self, wheel):
        """Programs, which name the environment's interpreter, and what lies outside of site-packages."""
        folder, line, programs = self._place(wheel.sha256), first_line(self._python), os.path.join(self._made, "bin")
        for name, entry in wheel.entry_points(folder).items():
            write_script(os.path.join(programs, name), script_of(entry, line))
        for path in wheel.paths("scripts"):
            with open(os.path.join(folder, "scripts", path), "rb") as stream:
                write_script(os.path.join(programs, path), with_first_line(stream.read(), line))
        headers = os.path.join(self._made, "include", "site", _PYTHON, wheel.name)
        for scheme, place in (("data", self._made), ("headers", headers)):
            for path in wheel.paths(scheme):
                _link(os.path.join(folder, scheme, path), os.path.join(place, path))


def _links(wheels, code):
    """Return paths in site-packages, of files and of folders that one wheel alone has, with the wheel that each is of.

    code: paths of the package's own files there. Raises Unusual where two have different files at one place.
    """
    found, owners = {}, {"__pycache__": None}
    for path in code:
        owners.update(dict.fromkeys(_parents(path)))
    taken = set(code)
    for wheel in wheels:
        for path, content in wheel.packages().items():
            if path in taken or found.get(path, (content,))[0] != content:
                raise Unusual(path)
            found.setdefault(path, (content, wheel))
            for parent in _parents(path):
                if owners.setdefault(parent, wheel) is not wheel:
                    owners[parent] = None
    return {
        next((parent for parent in _parents(path) if owners[parent] is not None), path): wheel
        for path, (_, wheel) in found.items()
    }


def _parents(path):
    """Folders that a relative path lies in, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _link(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.symlink(source, target)


def _rename(made, place):
    """Put a folder where it belongs; one that another process put there meanwhile is the same."""
    os.makedirs(os.path.dirname(place), exist_ok=True)
    try:
        os.rename(made, place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
