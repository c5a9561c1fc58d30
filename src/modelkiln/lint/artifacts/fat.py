"""Files of model artifacts, and code, that need not travel."""

import posixpath
import re
from collections import defaultdict
from typing import Iterable, Iterator, Sequence

from modelkiln.lint.artifacts.checkpoints import training_state
from modelkiln.lint.catalogue import fat as rules
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.subject import ArtifactFile, Subject
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["check"]

_MIB = 1 << 20
_DATA = frozenset(".arrow .avro .feather .orc .parquet .recordio .tfrecord .tfrecords .webdataset".split())
_TABLES = frozenset(".csv .jsonl .ndjson .tsv .xls .xlsx".split())
_IMAGES = frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())
_MANY_IMAGES, _LARGE_IMAGES = 20, 10 * _MIB
_TRAINING = re.compile(
    r"(?:.*[_-])?(?:train|training|trainer|finetune|fine_tune|finetuning)(?:[_-].*)?\.py|test_.*\.py|.*_test\.py|"
    r"conftest\.py|.*\.ipynb",
    re.IGNORECASE,
)
_CACHES = frozenset("""
    .cache .git .hg .ipynb_checkpoints .mypy_cache .nox .pytest_cache .ruff_cache .svn .tox __MACOSX __pycache__
    catboost_info lightning_logs mlruns node_modules tb_logs tensorboard wandb
    """.split())
_LEFTOVERS = frozenset((".DS_Store", ".gitattributes", ".gitignore", "Thumbs.db"))
_MANY, _DUPLICATE = 3, 64 << 10


def check(subject: Subject) -> Iterable[Finding]:
    """Yield what could be left out."""
    # A notebook that is given as code is reported as that.
    code = [source.shown for source in subject.sources if not source.path.endswith(".ipynb")]
    for path in (*code, *subject.other_files):
        if _TRAINING.fullmatch(posixpath.basename(path)):
            yield rules.TRAINING_CODE.finding(path, "its name is that of training or a test", certainty=LIKELY)
    yield from _caches(subject.artifacts)
    kept = [file for file in subject.artifacts if not _cache_of(file.path)]
    surveyed = subject.surveys
    for file in kept:
        name, ending = posixpath.basename(file.path), posixpath.splitext(file.path)[1].lower()
        state = training_state(file.path, surveyed[file.path])
        if state:
            yield rules.TRAINING_STATE.finding(file.path, f"it has {state}")
        elif _TRAINING.fullmatch(name):
            yield rules.TRAINING_CODE.finding(file.path, "its name is that of training or a test", certainty=LIKELY)
        elif ending in _DATA or (ending in _TABLES and file.size >= _MIB):
            yield rules.DATA.finding(
                file.path, f"it looks like a data set of {readable_size(file.size)}", certainty=LIKELY
            )
    yield from _images(kept)
    yield from _duplicates(kept)


def _cache_of(path: str) -> str:
    parts = path.split("/")
    folder = next((number for number, part in enumerate(parts[:-1]) if part in _CACHES), None)
    if folder is not None:
        return "/".join(parts[: folder + 1])
    return path if parts[-1] in _LEFTOVERS or parts[-1].endswith((".pyc", ".tfevents")) else ""


def _caches(files: Iterable[ArtifactFile]) -> Iterator[Finding]:
    sizes: dict[str, list[int]] = defaultdict(list)
    for file in files:
        folder = _cache_of(file.path)
        if folder:
            sizes[folder].append(file.size)
    for folder, listed in sorted(sizes.items()):
        what = f"{len(listed)} files of {readable_size(sum(listed))}" if listed[1:] else readable_size(listed[0])
        yield rules.CACHE.finding(folder, f"it is a cache, a log or a history: {what}")


def _images(files: Sequence[ArtifactFile]) -> Iterator[Finding]:
    images = [file for file in files if posixpath.splitext(file.path)[1].lower() in _IMAGES]
    size = sum(file.size for file in images)
    if len(images) >= _MANY_IMAGES or size >= _LARGE_IMAGES:
        folder = posixpath.commonpath([file.path for file in images])
        yield rules.IMAGES.finding(folder, f"{len(images)} images of {readable_size(size)}", certainty=LIKELY)


def _duplicates(files: Iterable[ArtifactFile]) -> Iterator[Finding]:
    same: dict[tuple, list[str]] = defaultdict(list)
    for file in files:
        if file.sha256 and file.size >= _DUPLICATE:
            same[file.sha256, file.size].append(file.path)
    for (_, size), paths in sorted(same.items(), key=lambda one: one[1]):
        if len(paths) > 1:
            first, *others = sorted(paths)
            more = f" and {len(others) - _MANY} more" if len(others) > _MANY else ""
            what = f"it has the {readable_size(size)} that {', '.join(others[:_MANY])}{more} have as well"
            yield rules.DUPLICATE.finding(first, what)
