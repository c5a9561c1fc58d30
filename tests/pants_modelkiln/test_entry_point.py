"""Entry points, read from the module's text."""

import pytest
from pants.backend.python.target_types import EntryPoint

from modelkiln.errors import ModelkilnError
from pants_modelkiln.inputs.code import check_entry_point


def check(source, name="predict"):
    """Check the entry point `m:<name>` against a module's text."""
    entry_point = EntryPoint("m", name)
    check_entry_point("//a:p: entry_point 'm'", entry_point, "m.py", source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "def predict(inputs, model): ...",
        "class predict: ...",
        "from other import predict",
        "from other import f as predict",
        "from other import *",
        "predict = make()",
        "help, predict = make()",
        "def load():\n    global predict\n    predict = make()",
        "def __getattr__(name): ...",
        "if FAST:\n    predict = make()",
        "try:\n    from fast import predict\nexcept ImportError:\n    def predict(i, m): ...",
    ],
)
def test_what_may_be_callable_is_taken(source):
    """Functions, classes, imports and names that a call made are left to the smoke test."""
    check(source)


@pytest.mark.parametrize("value", ["3", "'text'", "{}", "[1]", "(1, 2)", "f'{1}'"])
def test_plain_values_are_refused(value):
    """A literal is not callable, and the error says so."""
    with pytest.raises(ModelkilnError, match="'predict' in m.py is not callable"):
        check(f"predict = {value}")


def test_a_missing_name_is_refused_with_what_there_is():
    """The error lists the names that the module does define."""
    with pytest.raises(ModelkilnError, match="defines no 'predict'; it defines infer"):
        check("def infer(inputs, model): ...\ndef _help(): ...")


def test_a_module_without_a_callable_is_refused():
    """An entry point needs a name after the colon."""
    with pytest.raises(ModelkilnError, match="names no callable; write `m:predict`"):
        check("", name=None)


def test_a_syntax_error_is_reported_with_its_line():
    """The file and the line are in the message."""
    with pytest.raises(ModelkilnError, match="m.py, line 2"):
        check("x = 1\ndef (")


def test_a_method_is_refused_with_its_class():
    """Whoever names the method of a class that is the entry point reads how the class is named."""
    with pytest.raises(ModelkilnError, match="defines no 'predict'; it defines Model. .* itself, `m:Model`"):
        check("class Model:\n    def predict(self, inputs): ...")


def test_what_a_function_defines_inside_is_not_the_modules():
    """A name of a function's own, or of a method's, cannot be imported."""
    with pytest.raises(ModelkilnError, match="defines no 'predict'; it defines make"):
        check("def make():\n    def predict(inputs, model): ...\n    return predict")
