"""Models that are zip archives: of Keras (version 3), torch and skops, and numpy's .npz."""

import re
from typing import Iterable

from modelkiln.checks import archives
from modelkiln.checks.code.zip_models import zip_entries
from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_json
from modelkiln.checks.traits.keras_files import survey_keras
from modelkiln.checks.traits.pickle_files import survey_pickle
from modelkiln.checks.traits.skops_files import survey_skops
from modelkiln.checks.traits.trait import HEADERS_ONLY, NOTHING, Survey, Trait, joined

__all__ = ["survey_zip"]

# keras/src/saving/saving_lib.py, `_save_model_to_fileobj`; skops/io/_persist.py, `_save`.
_KERAS, _KERAS_CONFIG, _SKOPS = "metadata.json", "config.json", "schema.json"
_TORCH_PICKLE = re.compile(r"(?:[^/]+/)?data\.pkl")


def survey_zip(content: Content) -> Survey:
    """Return what the members say that state something; weights are passed over. Raises ModelkilnError."""
    members = archives.zip_members(content) or []
    return joined([Survey(code=frozenset(zip_entries(content, members))), *_surveys(content, members)])


def _surveys(content: Content, members: Iterable[Content]) -> Iterable[Survey]:
    for member in members:
        name = member.name[len(content.name) + 2 :]
        if name == _KERAS:
            yield _keras_release(member)
        elif name == _KERAS_CONFIG:
            yield survey_keras(member)
        elif name == _SKOPS and (member.size or 0) <= HEADERS_ONLY:
            yield survey_skops(member)
        elif _TORCH_PICKLE.fullmatch(name):
            yield survey_pickle(member, in_archive=True)


def _keras_release(member: Content) -> Survey:
    value = read_json(member)
    release = value.get("keras_version") if isinstance(value, dict) else None
    return Survey(frozenset({Trait("keras", release)})) if isinstance(release, str) else NOTHING
