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
# torch/export/pt2_archive/constants.py, ARCHIVE_FORMAT_PATH and MODELS_DIR.
_TORCH_ARCHIVE = re.compile(r"(?:[^/]+/)?archive_format")
_TORCH_PROGRAM = re.compile(r"(?:[^/]+/)?models/[^/]+\.json")
_TORCH_PICKLE = re.compile(r"(?:[^/]+/)?data\.pkl")


def survey_zip(content: Content) -> Survey:
    """Return what the members say that state something; weights are passed over. Raises ModelkilnError."""
    members = archives.zip_members(content) or []
    code = frozenset(zip_entries(content, members))
    return joined([Survey(_torch_layout(content, members), code=code), *_surveys(content, members)])


def _torch_layout(content: Content, members: Iterable[Content]) -> frozenset[Trait]:
    """How `torch.export` has laid out a program: once, it was at the archive's top."""
    names = [member.name[len(content.name) + 2 :] for member in members]
    is_folder = any(map(_TORCH_ARCHIVE.fullmatch, names)) and any(map(_TORCH_PROGRAM.fullmatch, names))
    return frozenset({Trait("torch-export", "models-folder")} if is_folder else ())


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
