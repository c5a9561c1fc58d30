"""The Python distributions that lie in a package, by their metadata."""

import re
from email.parser import BytesHeaderParser
from typing import Iterable, Iterator, Sequence

from modelkiln.lint.packages.files import PackageFile
from modelkiln.lint.subject import Distribution

__all__ = ["read_distributions"]

_METADATA = re.compile(r"([^/]+)\.(dist-info|egg-info)/(METADATA|PKG-INFO)$")
# Metadata has a description, and a RECORD a line of each file: those of the largest wheels have a fifth of this.
_LARGEST = 16 << 20
_MODULE = re.compile(r"([A-Za-z_]\w*)(/.*|\.py|\.[\w-]*\.?so)$")


def read_distributions(files: Sequence[PackageFile]) -> Iterator[Distribution]:
    """Return what the metadata of wheels and eggs among the files say."""
    by_path = {one.path: one for one in files}
    for path, file in by_path.items():
        if not _METADATA.search(path):
            continue
        headers = BytesHeaderParser().parsebytes(file.read(_LARGEST))
        name, version = headers.get("Name"), headers.get("Version")
        if not name or not version:
            continue
        folder = path.rpartition("/")[0]
        record = by_path.get(f"{folder}/RECORD")
        modules = (
            tuple(sorted(_modules(record.read(_LARGEST).decode("utf-8", "replace").splitlines()))) if record else None
        )
        requires = tuple(map(str, headers.get_all("Requires-Dist") or ()))
        yield Distribution(re.sub(r"[-_.]+", "-", str(name)).lower(), str(version), requires, modules)


def _modules(lines: Iterable[str]) -> set[str]:
    matches = (_MODULE.match(line.partition(",")[0].strip('"')) for line in lines)
    return {match[1] for match in matches if match and "." not in match[1]}
