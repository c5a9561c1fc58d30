"""BUILD texts of the documentation and of help texts, read with the real target types."""

import ast
import itertools

import pytest
from documents import blocks, pages
from pants.backend.python.macros.python_requirements import PythonRequirementsTargetGenerator
from pants.backend.python.target_types import PythonRequirementTarget, PythonSourcesGeneratorTarget
from pants.engine.addresses import Address
from pants.engine.internals.parametrize import Parametrize

from pants_modelkiln.register import target_types

_OWN = {one.alias: one for one in target_types()}
# Of Pants' own, which make other targets, the fields are checked.
_PANTS_TYPES = (PythonRequirementsTargetGenerator, PythonRequirementTarget, PythonSourcesGeneratorTarget)
_PANTS = {one.alias: one for one in _PANTS_TYPES}


def _symbols(text):
    """The symbols of BUILD files that a text calls at its top, where it is Python."""
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return []
    calls = [one.value for one in statements if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)]
    names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
    return [name for name in names if name in {"__defaults__", *_OWN, *_PANTS}]


def _make(alias, **fields):
    """Make the targets of a call: one for each choice of what is parametrized. Returns their name."""
    name = fields.pop("name", "m")
    if alias in _PANTS:
        known = {field.alias for field in (*_PANTS[alias].core_fields, *getattr(_PANTS[alias], "moved_fields", ()))}
        assert set(fields) <= known
        return name
    choices = [value.args if isinstance(value, Parametrize) else (value,) for value in fields.values()]
    for values in itertools.product(*choices):
        _OWN[alias](dict(zip(fields, values)), Address("models/m", target_name=name))
    return name


def _evaluate(text):
    """Evaluate a BUILD file; returns the names of its targets."""
    names = []

    def call(alias):
        def target(**fields):
            names.append(_make(alias, **fields))

        target.alias = alias
        return target

    symbols = {alias: call(alias) for alias in (*_OWN, *_PANTS)}

    def defaults(fields):
        for target, values in fields.items():
            _make(target.alias, **values)

    exec(text, {"__defaults__": defaults, "parametrize": Parametrize, **symbols})
    return names


_BUILDS = [one for page in pages() for one in blocks(page) if _symbols(one.text)]


@pytest.mark.parametrize("block", _BUILDS, ids=str)
def test_a_build_file_makes_its_targets(block):
    """Each target type, field and value is one that the backend takes, and no two targets have one name."""
    names = _evaluate(block.text)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("text", ['model_package(name="m", entrypoint=1)', 'model_artifact(name="w", sources="x")'])
def test_a_wrong_build_file_is_found(text):
    """A required field that is missing, a value of another type, a field that there is not."""
    with pytest.raises(Exception, match="models/m:"):
        _evaluate(text)


def test_all_target_types_are_shown():
    """Each of the backend's has an example somewhere."""
    assert set(_OWN) <= {symbol for block in _BUILDS for symbol in _symbols(block.text)}
