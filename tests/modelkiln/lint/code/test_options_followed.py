"""Dictionaries of settings that nothing in the package reads."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


def found(body):
    """Rules and lines of what is found in a program."""
    findings = lint(Subject("x", (SourceFile("app.py", body.encode()),)))
    return [(one.rule, one.line) for one in findings]


@pytest.mark.parametrize(
    ("item", "rules"),
    [
        ("'detector_path': 'checkpoints/detector.pth'", ["MK107"]),
        ("'config': './configs/detector.yaml'", ["MK107"]),
        ("'val_model_path': 'ada/blip2-xxl'", ["MK201"]),
        ("'tokenizer': 'ada/bert-7b'", ["MK201"]),
        ("'title': 'ada/bert-7b'", []),
        ("'content_type': 'application/json'", []),
        ("'path': 'route'", []),
    ],
)
def test_files_and_models_that_settings_name(item, rules):
    """What is handed to a module that is not at hand may open them."""
    assert [(one, 3) for one in rules] == found(
        f"from tools import Model\n\nSETTINGS = {{{item}}}\nmodel = Model(SETTINGS)\n"
    )


def test_what_is_followed_is_found_where_it_is_used():
    """A setting that code is seen to load is one finding, and not two."""
    body = (
        "from transformers import AutoModel\n\nSETTINGS = {'model_id': 'ada/bert-7b'}\n"
        "model = AutoModel.from_pretrained(SETTINGS['model_id'], revision='86b5e0934494bd15c9632b12f734a8a67f723594')\n"
    )
    assert [("MK201", 4)] == found(body)


def test_an_answer_is_no_setting():
    """A dictionary that is returned, or handed to a call, has no name."""
    assert [] == found("def answer():\n    return {'image_path': 'results/a.png', 'model': 'ada/bert-7b'}\n")
