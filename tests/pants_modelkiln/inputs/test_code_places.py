"""Where files of several source roots lie in a package."""

import pytest

from modelkiln.errors import ModelkilnError
from pants_modelkiln.inputs.code import CodeFile, check_places

_ONE, _TWO = ("1" * 64, False), ("2" * 64, False)


def test_equal_files_may_share_a_place():
    """A package that lies in two source roots has the same `__init__.py` in both."""
    files = [CodeFile("acme/__init__.py", f"{root}/acme/__init__.py", _ONE) for root in ("a", "b")]
    check_places("m:m", [*files, CodeFile("acme/x.py", "a/acme/x.py", _TWO)])


@pytest.mark.parametrize("content", [_TWO, ("1" * 64, True)])
def test_other_files_may_not(content):
    """The message has both, and their place."""
    files = [CodeFile("acme/x.py", "a/acme/x.py", _ONE), CodeFile("acme/x.py", "b/acme/x.py", content)]
    with pytest.raises(ModelkilnError, match="m:m: a/acme/x.py and b/acme/x.py both become acme/x.py, with different"):
        check_places("m:m", files)


def test_a_file_is_no_folder():
    """Nothing can lie below a file."""
    files = [CodeFile("data", "a/data", _ONE), CodeFile("data/x.txt", "data/x.txt", _TWO)]
    with pytest.raises(ModelkilnError, match="a/data becomes data, which data/x.txt has as a folder"):
        check_places("m:m", files)
