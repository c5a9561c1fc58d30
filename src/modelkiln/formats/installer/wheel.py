"""A wheel in a PEX: where its files go ("Binary distribution format", PyPA), and what an installer writes of it."""

import base64
import csv
import hashlib
import os
import sys
import zipfile

from modelkiln.formats.installer.files import Member, Unusual, Window, checked, write

__all__ = ["Wheel"]

_INSTALLER = b"modelkiln\n"
_SCHEMES = {"purelib": "packages", "platlib": "packages", "scripts": "scripts", "data": "data", "headers": "headers"}


class Wheel:
    """The wheel of `size` bytes at `start` of the file `fd`, by its directory.

    Unpacked it is a folder for each scheme: `packages`, which belongs into site-packages, `scripts`, `data`, `headers`.
    name: as its files are called. Raises Unusual for one that pip would refuse.
    """

    def __init__(self, fd, start, size, sha256):
        self._fd, self._start, self.sha256 = fd, start, sha256
        with zipfile.ZipFile(Window(fd, start, size)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
        records = [info.filename for info in infos if info.filename.endswith(".dist-info/RECORD")]
        if len(records) != 1 or records[0].count("/") != 1:
            raise Unusual(f"{records} for one RECORD")
        self._dist_info = os.path.dirname(records[0])
        self._data = f"{self._dist_info[: -len('.dist-info')]}.data/"
        self.name = self._dist_info.split("-")[0]
        self._files = {self._place(checked(info)): info for info in infos}
        if len(self._files) != len(infos):
            raise Unusual(f"{self._dist_info}: two files at one place")

    def _place(self, path):
        """A scheme, and the path below its folder."""
        if not path.startswith(self._data):
            return "packages", path
        scheme, _, rest = path[len(self._data) :].partition("/")
        if scheme not in _SCHEMES or not rest:
            raise Unusual(path)
        return _SCHEMES[scheme], rest

    def paths(self, scheme):
        """Return the paths of a scheme's files."""
        return [path for name, path in self._files if name == scheme]

    def packages(self):
        """Return what lies in site-packages: by its path, what is equal where two files are; None for no file's."""
        found = {path: (info.CRC, info.file_size) for (name, path), info in self._files.items() if name == "packages"}
        return {**found, self._own("INSTALLER"): None, self._own("RECORD"): None}

    def files(self, folder):
        """Return what there is to write to `folder`, before `finish`."""
        installer = ("packages", self._own("INSTALLER"))
        return [
            Member(os.path.join(folder, *key), self._fd, self._start, info)
            for key, info in self._files.items()
            if key != installer
        ]

    def finish(self, folder):
        """Write who installed it, and RECORD with where the files lie in an environment."""
        record, installer = os.path.join(folder, "packages", self._own("RECORD")), self._own("INSTALLER")
        with open(record, encoding="utf-8", newline="") as stream:
            rows = [[self._recorded(row[0]), *row[1:]] for row in csv.reader(stream) if row and row[0] != installer]
        digest = base64.urlsafe_b64encode(hashlib.sha256(_INSTALLER).digest()).decode().rstrip("=")
        rows.append([installer, f"sha256={digest}", len(_INSTALLER)])
        # Without a hash: they name an environment's interpreter.
        rows += [[f"../../../bin/{name}", "", ""] for name in self.entry_points(folder)]
        write(os.path.join(folder, "packages", installer), _INSTALLER)
        with open(record, "w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)

    def entry_points(self, folder):
        """Return what programs call ("module:attribute") by their names; folder: that of the unpacked wheel."""
        path = self._own("entry_points.txt")
        if ("packages", path) not in self._files:
            return {}
        found, section = {}, ""
        with open(os.path.join(folder, "packages", path), encoding="utf-8") as stream:
            for line in map(str.strip, stream):
                if line.startswith("["):
                    section = line
                elif line and line[0] not in "#;" and section in ("[console_scripts]", "[gui_scripts]"):
                    name, _, entry = (part.strip() for part in line.partition("="))
                    if not name or os.path.basename(name) != name or ":" not in entry:
                        raise Unusual(line)
                    found[name] = entry.partition("[")[0].strip()
        return found

    def _own(self, name):
        return f"{self._dist_info}/{name}"

    def _recorded(self, path):
        """A path of the wheel's RECORD as that of an environment has it: relative to site-packages."""
        scheme, rest = self._place(path)
        if scheme == "packages":
            return rest
        headers = f"include/site/python{sys.version_info[0]}.{sys.version_info[1]}/{self.name}/"
        return "../../../" + {"data": "", "scripts": "bin/", "headers": headers}[scheme] + rest
