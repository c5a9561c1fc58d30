"""Texts next to weights: tokenizer.json, and the MLmodel of MLflow."""

import json
import re
from typing import Any, Iterator

from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_all
from modelkiln.checks.traits.trait import HEADERS_ONLY, NOTHING, Survey, Trait

__all__ = ["MLMODEL", "survey_mlmodel", "survey_tokenizer"]

MLMODEL = "MLmodel"
# mlflow/<flavor>/__init__.py, `save_model`: what a flavor notes of the library that it saved with.
_NOTES = {
    "cb_version": "catboost", "keras_version": "keras", "lgb_version": "lightgbm", "onnx_version": "onnx",
    "pytorch_version": "torch", "sklearn_version": "scikit-learn", "xgb_version": "xgboost",
}  # fmt: skip
_NOTE = re.compile(rf"""^\s+({'|'.join(_NOTES)})\s*:\s*["']?([0-9][\w.+]*)""", re.MULTILINE)


def survey_mlmodel(content: Content) -> Survey:
    """Return the releases that a model was saved with."""
    text = read_all(content).decode("utf-8", "replace")
    return Survey(frozenset(Trait(_NOTES[key], release.partition("+")[0]) for key, release in _NOTE.findall(text)))


def survey_tokenizer(content: Content) -> Survey:
    """Return the features of a tokenizer that not every release of `tokenizers` has; raises ValueError."""
    if (content.size or 0) > HEADERS_ONLY:
        return NOTHING
    tokenizer = json.loads(read_all(content))
    if not isinstance(tokenizer, dict):
        return NOTHING
    return Survey(frozenset(Trait("tokenizer-feature", name) for name in _features(tokenizer)))


def _features(tokenizer: dict) -> Iterator[str]:
    model = tokenizer.get("model")
    model = model if isinstance(model, dict) else {}
    kind = model.get("type")
    merges = model.get("merges")
    if isinstance(merges, list) and merges and isinstance(merges[0], list):
        yield "merges-as-pairs"
    if model.get("ignore_merges") is True:
        yield "ignore_merges"
    if model.get("byte_fallback") is True:
        yield f"byte_fallback:{kind}"
    for place in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        for part in _parts(tokenizer.get(place)):
            yield f"{place}:{part.get('type')}"
            if part.get("type") == "Metaspace" and "prepend_scheme" in part:
                known = "add_prefix_space" in part
                # Older releases need the older field, and go by that alone.
                if not known or (part["prepend_scheme"] == "never") == bool(part["add_prefix_space"]):
                    yield f"{place}:Metaspace.prepend_scheme" + (":with-add_prefix_space" if known else "")


def _parts(value: Any) -> Iterator[dict]:
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            for key in ("normalizers", "pretokenizers", "processors", "decoders"):
                todo += one[key] if isinstance(one.get(key), list) else []
