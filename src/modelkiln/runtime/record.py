"""The package that this code travels in: its root, its record and its model artifact files."""

import os
from pathlib import Path

from modelkiln.runtime.document import parse_json
from modelkiln.runtime.errors import PackageError

__all__ = ["Package", "find_package"]


class Package:
    """root: the folder of the user's code. record: the parsed record. models: the folder that is
    given to the inference script as `model`."""

    def __init__(self, root, record, models):
        self.root, self.record, self.models = root, record, models

    @property
    def is_lazy(self):
        """Whether the package fetches its weights, and nobody has put them somewhere (MODELKILN_MODELS)."""
        return self.record.get("weights") == "lazy" and not os.environ.get("MODELKILN_MODELS")

    @property
    def is_sidecar(self):
        """Whether the package's weights are mounted when it is deployed."""
        return self.record.get("weights") == "sidecar"


def find_package():
    """Return the package around this file; raises PackageError when there is none.

    The models folder is `MODELKILN_MODELS` (an image sets it to /models), else
    `<root>/.modelkiln/models`, where a PEX has it.
    """
    # abspath, not resolve: a PEX may be a tree of symbolic links to files elsewhere.
    root = Path(os.path.abspath(__file__)).parents[2]
    path = root / ".modelkiln" / "record.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackageError(
            f"{path}: {error.strerror}. This code answers only inside a package; build one with pants package."
        ) from None
    record = parse_json(data, str(path))
    if not isinstance(record, dict) or record.get("schema") != 1:
        raise PackageError(f"{path}: not a record of schema 1. The package is damaged; build it again.")
    models = os.environ.get("MODELKILN_MODELS")
    return Package(root, record, Path(models) if models else root / ".modelkiln" / "models")
