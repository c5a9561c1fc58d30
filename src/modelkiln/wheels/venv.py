"""Where a wheel's files go in the virtual environment of an image.

The schemes are those of PyPA's "Binary distribution format"; their folders are those that pip
uses in a virtual environment on Linux.
"""

import base64
import hashlib
import posixpath
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Iterable, Sequence

from modelkiln.archives.tar import Entry, bytes_entry
from modelkiln.conventions import VENV
from modelkiln.errors import ModelkilnError
from modelkiln.wheels.wheel import Wheel, WheelFile

__all__ = ["InstalledWheel", "Venv", "check_conflicts", "install", "place", "script_names"]

_INSTALLER = b"modelkiln\n"


@dataclass(frozen=True)
class Venv:
    """A virtual environment at `path` (relative to the image's root) of Python `python` ("3.11")."""

    python: str
    path: str = VENV

    @property
    def site_packages(self) -> str:
        """Where modules go."""
        return f"{self.path}/lib/python{self.python}/site-packages"

    @property
    def interpreter(self) -> str:
        """The interpreter's absolute path, for the first line of scripts."""
        return f"/{self.path}/bin/python"

    def scheme(self, name: str, distribution: str) -> str:
        """The folder of a wheel's scheme; KeyError for an unknown one."""
        return {
            "purelib": self.site_packages,
            "platlib": self.site_packages,
            "scripts": f"{self.path}/bin",
            "data": self.path,
            "headers": f"{self.path}/include/site/python{self.python}/{distribution}",
        }[name]


@dataclass(frozen=True)
class InstalledWheel:
    """A wheel as entries of the tree that it is installed in.

    entries: all but RECORD. dist_info: the path of its `.dist-info` folder in the tree.
    """

    title: str
    entries: tuple[Entry, ...]
    dist_info: str
    site_packages: str

    def record(self, byte_code: Iterable[str] = ()) -> Entry:
        """The RECORD of the installed wheel, with these paths of byte code.

        As with pip, byte code is listed so that an uninstaller finds it, and has neither hash nor
        size because Python may write it anew.
        """
        from installer.records import Hash, RecordEntry
        from installer.utils import construct_record_file

        path = f"{self.dist_info}/RECORD"
        rows = [RecordEntry(self.relative(name), None, None) for name in (path, *byte_code)]
        for entry in self.entries:
            digest = base64.urlsafe_b64encode(bytes.fromhex(entry.sha256)).decode().rstrip("=")
            rows.append(RecordEntry(self.relative(entry.path), Hash("sha256", digest), entry.size))
        rows.sort(key=lambda row: row.path)
        with construct_record_file([("purelib", row) for row in rows]) as stream:
            return bytes_entry(path, stream.read())

    def relative(self, path: str) -> str:
        """A path of the tree as RECORD has it: relative to site-packages."""
        inside = self.site_packages + "/"
        # Nearly all are inside, and `relpath` would take longer than packing some of them.
        return path[len(inside) :] if path.startswith(inside) else posixpath.relpath(path, self.site_packages)


def install(wheel: Wheel, venv: Venv) -> InstalledWheel:
    """Return the entries of `wheel` in `venv`; their contents stay in the wheel until they are read.

    Raises ModelkilnError for files outside of the known schemes, files that would replace the
    environment's own, and entry points that are not console or GUI scripts.
    """
    dist_info = f"{venv.site_packages}/{wheel.dist_info}"
    own = {f"{wheel.dist_info}/INSTALLER"}
    entries = [_entry(wheel, file, venv) for file in wheel.files if file.path not in own]
    entries.append(bytes_entry(f"{dist_info}/INSTALLER", _INSTALLER))
    scripts = _generated_scripts(wheel, venv)
    # A script in the wheel under an entry point's name: pip too lets the generated one win.
    names = {script.path for script in scripts}
    entries = [entry for entry in entries if entry.path not in names] + scripts
    seen: set[str] = set()
    for entry in entries:
        if entry.path in seen:
            raise ModelkilnError(f"{wheel.title}: two of its files go to {entry.path!r}. Refused.")
        seen.add(entry.path)
        _check_own(wheel, entry.path, venv)
    return InstalledWheel(wheel.title, tuple(entries), dist_info, venv.site_packages)


def place(wheel: Wheel, file: WheelFile, venv: Venv) -> tuple[str, str]:
    """Return a file's scheme and where it goes; raises ModelkilnError for one outside of the known schemes."""
    scheme, path = "purelib", file.path
    if path.startswith(wheel.data + "/"):
        _, scheme, path = (*path.split("/", 2), "", "")[:3]
    try:
        folder = venv.scheme(scheme, wheel.data.rpartition("-")[0])
    except KeyError:
        path = ""
    if not path:
        raise ModelkilnError(
            f"{wheel.title}: {file.path!r} is not in a folder for purelib, platlib, headers, scripts or "
            f"data of {wheel.data}. Refused."
        )
    return scheme, f"{folder}/{path}"


def _entry(wheel: Wheel, file: WheelFile, venv: Venv) -> Entry:
    scheme, path = place(wheel, file, venv)
    entry = Entry(
        path,
        size=file.size,
        executable=file.executable or scheme == "scripts",
        sha256=file.sha256,
        open=partial(wheel.open, file.path),
    )
    return _with_shebang(wheel, file, entry, venv) if scheme == "scripts" else entry


def _with_shebang(wheel: Wheel, file: WheelFile, entry: Entry, venv: Venv) -> Entry:
    import io

    from installer.utils import fix_shebang

    with wheel.open(file.path) as stream:
        if stream.read(len(b"#!python")) != b"#!python":
            return entry
    data = wheel.read(file.path)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ModelkilnError(f"{wheel.title}: {file.path!r} is not what RECORD says. Refused.")
    with fix_shebang(io.BytesIO(data), venv.interpreter) as stream:
        return replace(bytes_entry(entry.path, stream.read()), executable=True)


def script_names(wheel: Wheel) -> list[str]:
    """Return the names of the programs that a wheel puts into `bin` of an environment, sorted."""
    folder = f"{wheel.data}/scripts/"
    names = {file.path[len(folder) :] for file in wheel.files if file.path.startswith(folder)}
    if wheel.has(f"{wheel.dist_info}/entry_points.txt"):
        with suppress(ValueError):  # To install such a wheel is refused, with what is wrong.
            names.update(_entry_points(wheel.read_metadata("entry_points.txt")))
    return sorted(names)


def _generated_scripts(wheel: Wheel, venv: Venv) -> list[Entry]:
    from installer.scripts import Script

    if not wheel.has(f"{wheel.dist_info}/entry_points.txt"):
        return []
    found = []
    try:
        for name, (module, attribute, section) in _entry_points(wheel.read_metadata("entry_points.txt")).items():
            if "/" in name or name in ("", ".", "..") or not name.isprintable():
                raise ValueError(f"{name!r} is not the name of a script")
            _, data = Script(name, module, attribute, section).generate(venv.interpreter, "posix")
            found.append(bytes_entry(f"{venv.path}/bin/{name}", data, executable=True))
    except ValueError as error:
        raise ModelkilnError(f"{wheel.title}: entry_points.txt cannot be read: {error}. Refused.") from None
    return found


def _entry_points(text: str) -> dict[str, tuple[str, str, Any]]:
    """Module, attribute and kind of each script, by name.

    As pip and `importlib.metadata` read it, who parse nothing of other groups: of a name that is
    there twice the last one counts, and GUI scripts come after those of the console.
    """
    from importlib.metadata import EntryPoint

    found: dict[str, dict[str, tuple[str, str, Any]]] = {"console": {}, "gui": {}}
    group = None
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif group in (None, "console_scripts", "gui_scripts") and not line.startswith(("#", ";")):
            name, _, value = (part.strip() for part in line.partition("="))
            match = EntryPoint.pattern.match(value)
            if not group or not match or not match["attr"]:
                raise ValueError(f"{line!r} is not an entry point of a group, of the form name = module:attribute")
            kind = group[: -len("_scripts")]
            found[kind][name] = (match["module"], match["attr"], kind)
    return {**found["console"], **found["gui"]}


def _check_own(wheel: Wheel, path: str, venv: Venv) -> None:
    own = {f"{venv.path}/bin/{name}" for name in ("python", "python3", f"python{venv.python}")}
    if path in own or path == f"{venv.path}/pyvenv.cfg":
        raise ModelkilnError(f"{wheel.title}: it would replace {path!r} of the environment itself. Refused.")


def check_conflicts(wheels: Sequence[InstalledWheel], way_out: str = "") -> None:
    """Refuse wheels that write one path with different content.

    Equal files are shared (the `nvidia` wheels have one `nvidia/__init__.py`). All conflicts are
    reported together in one ModelkilnError. way_out: what else its message advises, a sentence.
    """
    owners: dict[str, tuple[Entry, str]] = {}
    issues = []
    for wheel in sorted(wheels, key=lambda wheel: wheel.title):
        for entry in wheel.entries:
            known, owner = owners.setdefault(entry.path, (entry, wheel.title))
            if not known.same_as(entry):
                issues.append(
                    f"{owner} and {wheel.title} both write {wheel.relative(entry.path)!r} with different content."
                )
    free: set[str] = {""}  # Folders that are neither a file nor in one.
    for path, (_, owner) in owners.items():
        parents = []
        parent = path.rpartition("/")[0]
        while parent not in free and parent not in owners:
            parents.append(parent)
            parent = parent.rpartition("/")[0]
        if parent in free:
            free.update(parents)
        else:
            issues.append(f"{owners[parent][1]} writes {parent!r} as a file and {owner} as a folder.")
    if issues:
        raise ModelkilnError(
            " ".join(issues[:20]) + " One would win by chance: remove one of the packages from the "
            "requirements, or lock versions that do not clash." + (f" {way_out}" if way_out else "")
        )
