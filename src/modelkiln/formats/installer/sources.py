"""What a PEX has: wheels, and the package's own files. One file, or the folder of Pex' packed layout."""

import os
import zipfile

from modelkiln.formats.installer.files import Copied, Member, Unusual, checked, member_start

__all__ = ["PackedPex", "ZippedPex"]

# A start from the folder may have left its own byte code there.
_OF_PEX = (".bootstrap", ".deps", "PEX-INFO", "__main__.py", "__pex__", "__pycache__", "pex")


class ZippedPex:
    """info: its PEX-INFO (bytes)."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDONLY)
        with zipfile.ZipFile(path) as archive:
            self._members = {info.filename: info for info in archive.infolist()}
            self.info = archive.read("PEX-INFO")

    def wheel(self, name):
        """Return the descriptor of the file that a wheel is in, where it starts and how many bytes it has."""
        info = self._members[f".deps/{name}"]
        if info.compress_type != zipfile.ZIP_STORED:
            raise Unusual(f"{name} is compressed")
        return self._fd, member_start(self._fd, 0, info), info.file_size

    def code(self, folder):
        """Return what there is to write to `folder`: the package's own files."""
        return [
            Member(os.path.join(folder, checked(info)), self._fd, 0, info)
            for path, info in self._members.items()
            if not path.endswith("/") and path.split("/")[0] not in _OF_PEX
        ]


class PackedPex:
    """info: its PEX-INFO (bytes)."""

    def __init__(self, path):
        self._path = path
        with open(os.path.join(path, "PEX-INFO"), "rb") as stream:
            self.info = stream.read()

    def wheel(self, name):
        """As `ZippedPex.wheel`."""
        fd = os.open(os.path.join(self._path, ".deps", name), os.O_RDONLY)
        return fd, 0, os.fstat(fd).st_size

    def code(self, folder):
        """As `ZippedPex.code`."""
        found = []
        for place, folders, names in os.walk(self._path):
            if place == self._path:
                folders[:] = [name for name in folders if name not in _OF_PEX]
                names = [name for name in names if name not in _OF_PEX]
            inside = os.path.relpath(place, self._path)
            for name in folders:
                if os.path.islink(os.path.join(place, name)):
                    raise Unusual(f"{name} is a link to a folder")
            for name in names:
                target = os.path.normpath(os.path.join(folder, inside, name))
                found.append(Copied(target, os.path.join(place, name)))
        return found
