"""Calls that run what they load."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import SourceFile, Subject

HEAD = """
import io, pickle, urllib.request
import boto3, dill, joblib, keras, numpy as np, requests, torch
from langchain_community.vectorstores import FAISS


def fetch(url):
    answer = requests.get(url)
    return answer.content


def local(path):
    return path.read_bytes()

"""


def rules(*lines):
    """Rules of hidden code in a script."""
    body = "".join(f"    {line}\n" for line in lines)
    source = SourceFile("predict.py", f"{HEAD}\ndef predict(inputs, model):\n{body}".encode())
    return [one.rule for one in lint(Subject("x", (source,), entry_point="predict:predict"), Selection(("MK7",)))]


@pytest.mark.parametrize(
    "lines",
    [
        ["pickle.loads(requests.get('https://example.com/w').content)"],
        ["data = requests.get('https://example.com/w').content", "dill.loads(data)"],
        ["with urllib.request.urlopen('https://example.com/w') as stream:", "    pickle.load(stream)"],
        ["joblib.load(io.BytesIO(fetch('https://example.com/w')))"],
        ["pickle.loads(fetch(inputs['url']))"],
    ],
)
def test_a_pickle_from_the_network(lines):
    """Through names, streams and functions of the package."""
    assert ["MK710"] == rules(*lines)


@pytest.mark.parametrize(
    "line",
    [
        "np.load(model / 'x.npy', allow_pickle=True)",
        "torch.load(model / 'x', weights_only=False)",
        "keras.models.load_model(model / 'x.keras', safe_mode=False)",
        "FAISS.load_local(model / 'x', inputs, allow_dangerous_deserialization=True)",
        "keras.config.enable_unsafe_deserialization()",
    ],
)
def test_a_loader_that_is_asked_to_run_code(line):
    """By its option."""
    assert ["MK711"] == rules(line)


@pytest.mark.parametrize(
    "line",
    [
        "pickle.loads((model / 'w.pkl').read_bytes())",
        "pickle.loads(local(model / 'w.pkl'))",
        "pickle.loads(inputs.get('x'))",
        "pickle.dumps(requests.get('https://example.com/w').content)",
        "np.load(model / 'x.npy', allow_pickle=False)",
        "torch.load(model / 'x', weights_only=True)",
        "data = pickle.loads(data)",
    ],
)
def test_what_lies_in_the_package_is_for_other_rules(line):
    """And safe options are safe; names that are bound to themselves end."""
    assert [] == rules(line)
