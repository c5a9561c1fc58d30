"""Declarations of newer releases of Pants, as a linter checks the rules against them."""

import ast
import importlib.util
from pathlib import Path

import pants_interfaces
import pytest
from pants_interfaces import Interfaces, names_used

_RELEASES = Path(pants_interfaces.__file__).resolve().parents[2] / "3rdparty/pants"
_SOURCE = '''
"""What it is for."""
from dataclasses import dataclass

from pants.base import Base

_LIMIT = 7


@dataclass(frozen=True)
class Request(Base):
    """A text that says much."""

    name: str
    limit: int = _LIMIT
    alias = "request"

    def used(self, one: "int" = 3) -> str:
        return "secret"

    def unused(self) -> None:
        pass


def run(request: Request) -> "Other":
    raise ValueError("secret")


class Other:
    pass


class Unrelated:
    pass
'''


@pytest.fixture
def stubs(tmp_path):
    """Stubs of a release of two modules, of which the rules use a function and a method."""
    (tmp_path / "pants").mkdir()
    (tmp_path / "pants/request.py").write_text(_SOURCE)
    (tmp_path / "pants/base.py").write_text("class Base:\n    pass\n\n\nclass Other:\n    pass\n")
    return Interfaces(tmp_path, {"pants.request": {"run"}}, {"used"}).stubs()


def test_what_is_used_is_declared_with_what_it_is_made_of(stubs):
    """The function, its argument's class with its fields and its base, of another module; and nothing else."""
    assert {"pants/__init__.pyi", "pants/base.pyi", "pants/request.pyi"} == set(stubs)
    text = stubs["pants/request.pyi"]
    for line in ("def run(request: Request)", "@dataclass(frozen=True)", "name: str", "limit: int = ...", "def used("):
        assert line in text
    assert "unused" not in text and "Unrelated" not in text
    assert "class Other" not in stubs["pants/base.pyi"]


def test_nothing_of_the_source_but_declarations_is_in_stubs(stubs):
    """Neither bodies nor values nor texts."""
    for text in stubs.values():
        ast.parse(text)
        assert "secret" not in text and "says much" not in text and "7" not in text


@pytest.mark.parametrize("release", sorted(path.name for path in _RELEASES.iterdir() if path.is_dir()))
def test_every_module_that_the_rules_use_is_declared(release):
    """For mypy a module that is nowhere has all names."""
    modules = [name.replace(".", "/") for name in names_used()[0] if _is_module(name)]
    assert len(modules) > 40
    files = [[_RELEASES / release / f"{name}.pyi", _RELEASES / release / name / "__init__.pyi"] for name in modules]
    assert [] == [paths[0] for paths in files if not any(path.exists() for path in paths)]


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return name in ("pants.core.util_rules.env_vars", "pants.engine.intrinsics")  # Of newer releases alone.
