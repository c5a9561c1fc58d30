"""The bill of materials that a PEX or a model's wheel has in it."""

import zipfile
from pathlib import Path

from modelkiln.conventions import PEX_SBOM, SBOM_NAME
from modelkiln.errors import ModelkilnError

__all__ = ["file_bom"]

# A bill of the largest packages, with thousands of files, has a few MiB.
_LARGEST = 64 << 20


def file_bom(path: Path) -> bytes:
    """Return the bill of a PEX or of a model's wheel; raises ModelkilnError for another file."""
    try:
        with zipfile.ZipFile(path) as archive:
            place = f".dist-info/sboms/{SBOM_NAME}"
            found = [one for one in archive.infolist() if one.filename == PEX_SBOM or one.filename.endswith(place)]
            if len(found) == 1 and found[0].file_size <= _LARGEST:
                return archive.read(found[0])
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ModelkilnError(f"{path}: is neither a layout's folder, nor a PEX or wheel ({error}).") from None
    raise ModelkilnError(f"{path}: has no bill of materials in it. Package it with this release of Modelkiln.")
