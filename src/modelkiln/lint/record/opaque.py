"""What a record leaves out: signature, authors, license, version, lineage."""

import posixpath
import re
from typing import Any, Iterable, Iterator, Mapping

from modelkiln.lint.catalogue import opaque as rules
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.subject import Subject
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["check"]

_GENERATED = re.compile(
    r"(?:(?:arg|args|dense|embedding|input|inputs|keras_tensor|onnx|output|outputs|serving_default|tensor|x|y)?"
    r"[_.:/]*)*\d+(?::\d+)?",
    re.IGNORECASE,
)
_NO_VERSION = frozenset(("", "0", "0.0", "0.0.0", "dev", "head", "latest", "main", "master", "none", "unknown"))
_AUTHORS = ("authors", "author", "maintainers", "maintainer", "vendor")
_LICENSE = ("license", "licenses", "license_expression")
_LINEAGE = ("lineage", "base_model", "dataset", "datasets", "run_id", "trained_on", "training")
_DATA = ("data", "dataset", "datasets", "trained_on", "test_set", "evaluated_on")
_LARGE = 1 << 20
# Of these no check has to know more than the name.
_DOCUMENTS = frozenset(
    ".csv .gif .gz .html .jpeg .jpg .json .jsonl .md .png .rst .toml .tsv .txt .vocab .xml .yaml .yml".split()
)


def check(subject: Subject) -> Iterable[Finding]:
    """Yield what is missing of what is known: a key that the record lacks is not looked for."""
    record = subject.record
    if "signature" in record:
        yield from _signature(record["signature"] or {}, record.get("metadata"))
    if "version" in record and str(record["version"]).strip().lower() in _NO_VERSION:
        yield rules.UNVERSIONED.finding("", f"its version is {record['version']!r}")
    if "metadata" in record:
        # What has no files of its own was not trained; an ensemble's members have a lineage each.
        is_trained = bool(subject.artifacts) or "entry_point" not in record
        yield from _metadata(record["metadata"] or {}, record.get("sources") or (), is_trained)
    for file in subject.artifacts:
        is_document = posixpath.splitext(file.path)[1].lower() in _DOCUMENTS
        if subject.surveys[file.path].format == "unknown" and file.size >= _LARGE and not is_document:
            what = f"nothing shows what its {readable_size(file.size)} are"
            yield rules.UNKNOWN_FORMAT.finding(file.path, what, certainty=LIKELY)


def _signature(signature: Mapping[str, Any], metadata: Any) -> Iterator[Finding]:
    if not signature.get("inputs") and not signature.get("outputs"):
        yield rules.NO_SIGNATURE.finding("", "it has no signature")
    described = None if metadata is None else " ".join(_texts(metadata))
    for side in ("inputs", "outputs"):
        for tensor in signature.get(side) or ():
            name = str(tensor.get("name", ""))
            if not name or _GENERATED.fullmatch(name):
                yield rules.UNNAMED.finding("", f"of its {side}, one is called {name!r}", certainty=LIKELY)
            is_described = described is None or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", described)
            if tensor.get("datatype") == "BYTES" and not is_described:
                what = f"{name!r} of its {side} is BYTES, and its metadata do not say of what"
                yield rules.BYTES.finding("", what, certainty=LIKELY)


def _metadata(
    metadata: Mapping[str, Any], sources: Iterable[Mapping[str, Any]], is_trained: bool
) -> Iterator[Finding]:
    if not any(metadata.get(key) for key in _AUTHORS):
        yield rules.NO_AUTHORS.finding("", "its metadata name no authors")
    if not any(metadata.get(key) for key in _LICENSE):
        yield rules.NO_LICENSE.finding("", "its metadata name no license")
    lineage = [metadata[key] for key in _LINEAGE if metadata.get(key)]
    lineage += [one["facts"]["lineage"] for one in sources if (one.get("facts") or {}).get("lineage")]
    if is_trained and not lineage and not any(sources):
        yield rules.NO_LINEAGE.finding("", "nothing says what it was made from")
    if metadata.get("metrics") and not _names_data(metadata, lineage):
        yield rules.METRICS.finding("", "its metrics do not say on which data they were measured")


def _names_data(metadata: Mapping[str, Any], lineage: Iterable[Any]) -> bool:
    metrics = metadata["metrics"]
    inner = metrics.values() if isinstance(metrics, dict) else metrics if isinstance(metrics, (list, tuple)) else ()
    places = [metadata, metrics, *inner, *lineage]
    return any(isinstance(place, Mapping) and any(place.get(key) for key in _DATA) for place in places)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)
