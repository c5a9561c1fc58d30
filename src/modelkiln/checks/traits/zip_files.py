"""Models that are zip archives: of Keras (version 3), torch and skops, and numpy's .npz."""

import re
from typing import Iterable

from modelkiln.checks import archives
from modelkiln.checks.code.zip_models import zip_entries
from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_json
from modelkiln.checks.traits.keras_files import survey_keras
from modelkiln.checks.traits.pickle_files import survey_pickle
from modelkiln.checks.traits.trait import NOTHING, Survey, Trait, joined

__all__ = ["survey_zip"]

# keras/src/saving/saving_lib.py, `_save_model_to_fileobj`; skops/io/_persist.py, `_save`.
_KERAS, _KERAS_CONFIG, _SKOPS = "metadata.json", "config.json", "schema.json"
_TORCH_PICKLE = re.compile(r"(?:[^/]+/)?data\.pkl")
_MAX_NOTE = 1 << 20


def survey_zip(content: Content) -> Survey:
    """Return what the members say that state something; weights are passed over. Raises ModelkilnError."""
    members = archives.zip_members(content) or []
    return joined([Survey(code=frozenset(zip_entries(content, members))), *_surveys(content, members)])


def _surveys(content: Content, members: Iterable[Content]) -> Iterable[Survey]:
    for member in members:
        name = member.name[len(content.name) + 2 :]
        if name == _KERAS:
            yield _release(member, "keras_version", "keras")
        elif name == _KERAS_CONFIG:
            yield survey_keras(member)
        elif name == _SKOPS and (content.size or 0) <= _MAX_NOTE:
            yield _release(member, "_skops_version", "skops")
        elif _TORCH_PICKLE.fullmatch(name):
            yield survey_pickle(member, in_archive=True)


def _release(member: Content, key: str, kind: str) -> Survey:
    value = read_json(member)
    release = value.get(key) if isinstance(value, dict) else None
    return Survey(frozenset({Trait(kind, release)})) if isinstance(release, str) else NOTHING
