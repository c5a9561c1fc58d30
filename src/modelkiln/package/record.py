"""The record: everything that went into a package, and the package digest.

A record is a JSON object. What goes into a package makes its digest; what came out of it
(formats, layers) is added for the copy that lies in `dist/`, since a file cannot hold its own
digest.
"""

from typing import Any, Iterable, Mapping, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.conventions import VENV
from modelkiln.digest import sha256_bytes
from modelkiln.frozen_json import FrozenJson
from modelkiln.package.host_requirements import host_labels
from modelkiln.package.provided import provided_label

__all__ = [
    "ANNOTATIONS",
    "PACKAGE_LABEL",
    "SCHEMA",
    "Record",
    "index_record",
    "labels",
    "make_record",
    "metadata_annotations",
    "own_environment",
    "package_digest",
    "recorded_digest",
    "recorded_environments",
    "split_labels",
    "texts_of",
    "variant_records",
    "with_outputs",
]

SCHEMA = 1
# Of an image and its manifest: the package digest.
PACKAGE_LABEL = "modelkiln.package.digest"
_INPUTS = (
    "name", "version", "variant", "entry_point", "signature", "artifacts", "code", "requirements",
    "base", "metadata", "entrypoint", "weights",
    "weights_lock",
)  # fmt: skip
# Of packages that have one: the interpreter that a program embeds, what the image consists of (its settings, and the
# diff IDs of the layers whose files are listed nowhere else), what the wheel of a model is called and requires, the
# requirements that its host provides, members and steps of an ensemble, and where an image has the environment that
# others have at /opt/venv, which leads there.
_OPTIONAL = ("interpreter", "image", "wheel", "provided", "ensemble", "environment")

# What a record holds of the package that is not an input of it.
_OUTPUTS = ("package_digest", "formats", "layers", "sources", "variants")

# OCI image-spec 1.1, annotations.md, "Pre-Defined Annotation Keys": metadata keys with a meaning
# that every registry and scanner knows.
ANNOTATIONS = {
    "authors": "authors",
    "description": "description",
    "documentation": "documentation",
    "license": "licenses",
    "licenses": "licenses",
    "revision": "revision",
    "source": "source",
    "title": "title",
    "url": "url",
    "vendor": "vendor",
}
_PREFIX = "org.opencontainers.image."


def package_digest(inputs: Mapping[str, Any]) -> str:
    """Return the digest of a package's inputs: the sha256 of their canonical JSON."""
    return sha256_bytes(canonical_json({"schema": SCHEMA, **_chosen(inputs)}))


def recorded_digest(record: Mapping[str, Any]) -> str:
    """Return the package digest of what a record lists, also one of another release with other keys."""
    return sha256_bytes(canonical_json({key: value for key, value in record.items() if key not in _OUTPUTS}))


def own_environment(record: Mapping[str, Any]) -> str:
    """Return where an image of the package has its environment, relative to the image's root."""
    return str(record.get("environment") or VENV)


def recorded_environments(record: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the wheels of each environment that an ensemble has beside its own, by the environment's path."""
    listed = (record.get("ensemble") or {}).get("environments") or {}
    return {path: list(one.get("requirements") or ()) for path, one in listed.items()}


class Record(FrozenJson):
    """The record that travels inside a package: its inputs and their digest."""


def make_record(inputs: Mapping[str, Any]) -> Record:
    """Return the record of a package's inputs."""
    return Record.of({"schema": SCHEMA, **_chosen(inputs), "package_digest": package_digest(inputs)})


def _chosen(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inputs[key] for key in (*_INPUTS, *(key for key in _OPTIONAL if key in inputs))}


def index_record(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the record of an index of packages, variants of one model: their digests make its own."""
    record = {
        "schema": SCHEMA,
        "name": records[0]["name"],
        "version": records[0]["version"],
        "packages": [record["package_digest"] for record in records],
    }
    return {**record, "package_digest": recorded_digest(record)}


def variant_records(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the record of each image that a record of several describes, or the record itself."""
    return record.get("variants") or [record]


def with_outputs(
    record: Mapping[str, Any],
    formats: Mapping[str, Any],
    layers: list,
    sources: Iterable[Mapping[str, Any]] = (),
    variants: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the record for `dist/`, which also lists what was made, formats and layers, and from
    where the locked model artifacts came.

    sources: of each, its target, source, set digest and facts. They are not inputs: the same bytes
    from another mirror are the same package. variants: where one index names several images, the
    records that these hold.
    """
    several = {"variants": [dict(variant) for variant in variants]} if variants else {}
    outputs = {"formats": dict(formats), "layers": layers, "sources": [dict(one) for one in sources]}
    return {**record, **outputs, **several}


def texts_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what of the metadata annotations and headers may have: texts and numbers, and several authors as one."""
    authors = metadata.get("authors")
    joined = {"authors": ", ".join(map(str, authors))} if isinstance(authors, list) else {}
    return {**{key: str(value) for key, value in metadata.items() if isinstance(value, (str, int, float))}, **joined}


def metadata_annotations(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the standard annotations of what people call the model; they name no package."""
    found = {
        _PREFIX + ANNOTATIONS[key]: text for key, text in texts_of(record["metadata"]).items() if key in ANNOTATIONS
    }
    found.setdefault(_PREFIX + "title", record["name"])
    found[_PREFIX + "version"] = record["version"]
    return dict(sorted(found.items()))


def labels(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations and labels of an image of this package.

    Standard keys come from the metadata; `modelkiln.` keys hold what deployment tools select by.
    """
    found = metadata_annotations(record)
    found[PACKAGE_LABEL] = record["package_digest"]
    for key in ("accelerator", "cuda", "rocm", "tpu", "driver"):
        value = record["variant"].get(key)
        if value:
            found[f"modelkiln.package.{key}"] = "true" if value is True else value
    found.update(host_labels(record))
    if record.get("provided"):
        found["modelkiln.package.provided"] = provided_label(record)
    return dict(sorted(found.items()))


def split_labels(records: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the labels that all images of an index share, and of each image those that distinguish it."""
    each = [labels(record) for record in records]
    shared = dict(sorted(set.intersection(*(set(one.items()) for one in each))))
    return shared, [{key: value for key, value in one.items() if key not in shared} for one in each]
