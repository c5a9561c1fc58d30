"""What a package's code imports, and whether the package has it."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.imports import check_imports, code_modules, find_imports, imports_of_pickles

OWN = code_modules(["acme/scale.py", "rain/__init__.py", "rain/forecast.py", "rain/table.csv", "single.py"])
INSTALLED = ["google.protobuf", "numpy"]


def missing(source, allowed=(), path="rain/forecast.py"):
    """What is reported as missing, or ""."""
    try:
        check_imports("//a:p", find_imports(path, source.encode()), OWN, INSTALLED, allowed, "Add it.")
    except ModelkilnError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "source",
    [
        "import json, os.path, tomllib, _codecs",
        "import numpy.random\nfrom numpy import float32",
        "from google.protobuf import message",
        "import google",
        "from acme import scale\nimport acme.scale\nfrom acme.scale import anything",
        "from rain import anything\nfrom . import forecast\nfrom .forecast import predict\nfrom .. import single",
        "import single",
        "def f():\n    import numpy",
    ],
)
def test_what_is_there_may_be_imported(source):
    """The standard library, wheels and their parts, and the package's own code."""
    assert "" == missing(source)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("import scipy", "scipy (rain/forecast.py:1)"),
        ("\nfrom scipy.stats import norm", "scipy.stats (rain/forecast.py:2)"),
        ("from google.cloud import storage", "google.cloud (rain/forecast.py:1)"),
        ("from acme import shift", "acme.shift (rain/forecast.py:1)"),
        ("import rain.other", "rain.other (rain/forecast.py:1)"),
        ("from .other import predict", "rain.other (rain/forecast.py:1)"),
        ("def f():\n    import scipy", "scipy (rain/forecast.py:2)"),
        ("try:\n    import scipy\nfinally:\n    pass", "scipy"),
        ("try:\n    import scipy\nexcept ValueError:\n    pass", "scipy"),
    ],
)
def test_what_nothing_has_is_refused(source, shown):
    """The module, the file and the line are named, and the remedy."""
    message = missing(source)
    assert f"//a:p: imports what neither its code nor its requirements have: {shown}" in message
    assert message.endswith("Add it.")


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import scipy\nexcept ImportError:\n    import other_scipy",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import scipy",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import scipy",
        "import sys\nif sys.version_info < (3, 11):\n    import tomli",
        "if __name__ == '__main__':\n    import pytest",
        "import scipy  # pants: no-infer-dep",
        "this is no Python",
    ],
)
def test_what_is_plainly_optional_may_be_missing(source):
    """What catches its failure, or does not run here."""
    assert "" == missing(source)


def test_a_name_that_is_allowed_may_be_missing():
    """With all that is in it, and nothing beside it."""
    assert "" == missing("import cupy.cuda\nimport cupy", ["cupy"])
    assert "cupyx" in missing("import cupyx", ["cupy"])


def test_what_pickles_import_is_needed_as_well():
    """A name may be an attribute; the target that allows it is named."""
    found = imports_of_pickles(["collections.OrderedDict", "numpy.ndarray", "rain.forecast:Model.Inner"], "w")
    check_imports("p", found, OWN, INSTALLED, (), "")
    with pytest.raises(ModelkilnError, match="sklearn.tree .`allow_pickle` of //a:w."):
        wanted = imports_of_pickles(["sklearn.tree.DecisionTreeClassifier"], "`allow_pickle` of //a:w")
        check_imports("p", wanted, OWN, INSTALLED, (), "")
