"""Pickles: what they import, the release that scikit-learn notes in each estimator, and the keys of a checkpoint.

Source: sklearn/base.py, BaseEstimator.__getstate__. Nothing is unpickled, see `pickle_machine`.
"""

from modelkiln.checks import archives
from modelkiln.checks.content import Content
from modelkiln.checks.pickle_machine import Call
from modelkiln.checks.pickles import look_through
from modelkiln.checks.traits.trait import HEADERS_ONLY, IMPORT, NOTHING, Survey, Trait

__all__ = ["survey_compressed", "survey_pickle"]

_SKLEARN = "_sklearn_version"
_MAX_RELEASE = 40


def survey_pickle(content: Content, *, in_archive: bool = False) -> Survey:
    """Return what the pickles of a file say. Raises BadPickle or EOFError for what cannot be followed."""
    releases = set()

    def note(value: Call) -> None:
        release = value.state.get(_SKLEARN) if isinstance(value.state, dict) else None
        if isinstance(release, str) and len(release) <= _MAX_RELEASE and release.isprintable():
            releases.add(Trait("scikit-learn", release))

    imports, made = look_through(content, note, in_archive=in_archive)
    keys = {str(key) for value in made if isinstance(value, dict) for key in value}
    return Survey(frozenset({Trait(IMPORT, name) for name in imports} | releases), keys=tuple(sorted(keys)))


def survey_compressed(content: Content) -> Survey:
    """Return what a pickle says that is compressed, as joblib writes it; nothing of a large one."""
    compression = archives.compression_of(content)
    if compression is None or (content.size or 0) > HEADERS_ONLY:
        return NOTHING
    return survey_pickle(archives.decompressed(content, compression))
