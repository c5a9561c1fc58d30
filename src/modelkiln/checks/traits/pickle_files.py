"""Pickles: what they import, the release that scikit-learn notes in each estimator, what joblib and pandas write since
a release, and the keys of a checkpoint.

Sources: sklearn/base.py, BaseEstimator.__getstate__; joblib/numpy_pickle.py, NumpyArrayWrapper.read_array;
pandas/_libs/arrays.pyx, NDArrayBacked.__setstate__. Nothing is unpickled, see `pickle_machine`.
"""

from typing import Iterator

from modelkiln.checks import archives
from modelkiln.checks.content import Content
from modelkiln.checks.joblib_arrays import array_of
from modelkiln.checks.pickle_machine import Call, Global
from modelkiln.checks.pickles import look_through
from modelkiln.checks.traits.trait import HEADERS_ONLY, IMPORT, NOTHING, Survey, Trait

__all__ = ["survey_compressed", "survey_pickle"]

_SKLEARN = "_sklearn_version"
_MAX_RELEASE = 40
_PANDAS_ARRAY = Global("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")


def survey_pickle(content: Content, *, in_archive: bool = False) -> Survey:
    """Return what the pickles of a file say. Raises BadPickle or EOFError for what cannot be followed."""
    noted: set[Trait] = set()
    imports, made = look_through(content, lambda value: noted.update(_stated(value)), in_archive=in_archive)
    keys = {str(key) for value in made if isinstance(value, dict) for key in value}
    return Survey(frozenset({Trait(IMPORT, name) for name in imports} | noted), keys=tuple(sorted(keys)))


def _stated(value: Call) -> Iterator[Trait]:
    """What the state of an object says."""
    release = value.state.get(_SKLEARN) if isinstance(value.state, dict) else None
    if isinstance(release, str) and len(release) <= _MAX_RELEASE and release.isprintable():
        yield Trait("scikit-learn", release)
    array = array_of(value)
    if array and array.padded and not array.objects:
        yield Trait("joblib-feature", "aligned-arrays")
    # Type and values; before pandas 3, a dictionary of attributes follows.
    if value.target == _PANDAS_ARRAY and isinstance(value.state, tuple) and len(value.state) == 2:
        yield Trait("pandas-feature", "arrays-without-attributes")


def survey_compressed(content: Content) -> Survey:
    """Return what a pickle says that is compressed, as joblib writes it; nothing of a large one."""
    compression = archives.compression_of(content)
    if compression is None or (content.size or 0) > HEADERS_ONLY:
        return NOTHING
    return survey_pickle(archives.decompressed(content, compression))
