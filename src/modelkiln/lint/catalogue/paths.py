"""MK1xx: paths that exist where the model was trained, and not where it is packaged."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import Rule

__all__ = [
    "ABSOLUTE", "BESIDE_CODE", "CHANGED_FOLDER", "DRIVE", "HOME_FOLDER", "RULES", "SEARCH_PATH", "TRAINING",
    "UNPACKAGED",
]  # fmt: skip

_BELOW_MODEL = (
    "Put the file into a model artifact and open it below the folder that the entry point gets: model / NAME."
)
_GOOD = """\
import json


def predict(inputs, model):
    return json.loads((model / "weights.json").read_text())
"""
ABSOLUTE = Rule(
    "MK101",
    "absolute-path",
    ERROR,
    "A file is named by an absolute path.",
    "The path exists on the machine that the code was written on. In an image, a PEX or another user's checkout it "
    "does "
    "not, or holds something else: the package is not self-contained.",
    _BELOW_MODEL,
    bad='import json\n\n\ndef predict(inputs, model):\n    return json.load(open("/data/models/weights.json"))\n',
    good=_GOOD,
)
HOME_FOLDER = Rule(
    "MK102",
    "home-folder",
    ERROR,
    "A file is looked for in a home folder.",
    "Packages run as a user without one (images as 65532), and what lies in the home of a developer is not in the "
    "package.",
    _BELOW_MODEL,
    bad='from pathlib import Path\n\nWEIGHTS = Path.home() / ".cache" / "weights.json"\n\n\n'
    "def predict(inputs, model):\n    return WEIGHTS.read_text()\n",
    good=_GOOD,
)
DRIVE = Rule(
    "MK103",
    "drive-letter",
    ERROR,
    "A file is named by a path of Windows, with a drive or a share.",
    "Packages run on Linux, where the path is a file name with backslashes in it.",
    _BELOW_MODEL,
    bad='def predict(inputs, model):\n    return open("C:\\\\models\\\\weights.json").read()\n',
    good=_GOOD,
)
TRAINING = Rule(
    "MK104",
    "training-environment",
    ERROR,
    "Code depends on the environment that the model was trained in: Colab, Kaggle, Databricks, a notebook, a mounted "
    "disk.",
    "/content, /kaggle, /dbfs and /mnt, the module google.colab and IPython's shell exist there and nowhere else.",
    _BELOW_MODEL,
    bad='import json\n\n\ndef predict(inputs, model):\n    return json.load(open("/content/drive/MyDrive/w.json"))\n',
    good=_GOOD,
)
CHANGED_FOLDER = Rule(
    "MK105",
    "working-directory",
    ERROR,
    "Code changes the working directory.",
    "It changes it for all of the process, a server with other models too, and hides which paths depend on it.",
    "Join paths with the folder instead: model / NAME, or pathlib.Path(__file__).parent / NAME.",
    bad="import os\n\n\ndef predict(inputs, model):\n    os.chdir(model)\n    return open('weights.json').read()\n",
    good=_GOOD,
)
BESIDE_CODE = Rule(
    "MK106",
    "writes-beside-code",
    ERROR,
    "Code writes next to itself or to the working directory.",
    "A package is immutable: images run with a file system that cannot be written to, and `verify` reports what was "
    "added or changed.",
    "Write to a temporary folder (the module tempfile), or return the value as an output.",
    bad='def predict(inputs, model):\n    with open("predictions.csv", "w") as log:\n        log.write("1")\n'
    "    return inputs\n",
    good="import tempfile\n\n\ndef predict(inputs, model):\n"
    "    with tempfile.TemporaryFile() as log:\n        log.write(b'1')\n    return inputs\n",
)
UNPACKAGED = Rule(
    "MK107",
    "unpackaged-file",
    ERROR,
    "Code opens a file that is neither in the package, nor below the model's folder, nor temporary.",
    "A relative path is one from the working directory, which in a package is not the folder of the model or of the "
    "code. A file beside the code must be a dependency of it, or it is not packaged. A file of a model artifact keeps "
    "its path relative to the BUILD file, or to the folder that is locked.",
    _BELOW_MODEL + " Of a file beside the code, make a `resource` that the code depends on.",
    bad='import json\n\n\ndef predict(inputs, model):\n    return json.load(open("models/weights.json"))\n',
    good=_GOOD,
)
SEARCH_PATH = Rule(
    "MK108",
    "search-path",
    WARNING,
    "Code changes sys.path.",
    "What is imported then depends on folders that are not in the package, or on their order; dependency inference "
    "does "
    "not see it.",
    "Import by the name below a source root: Pants puts source roots on the path.",
    bad='import sys\n\nsys.path.append("../shared")\n\n\ndef predict(inputs, model):\n    return inputs\n',
    good="def predict(inputs, model):\n    return inputs\n",
)
RULES = (ABSOLUTE, HOME_FOLDER, DRIVE, TRAINING, CHANGED_FOLDER, BESIDE_CODE, UNPACKAGED, SEARCH_PATH)
