"""An in-toto statement: what a predicate says, and of which bytes.

Specification: in-toto attestation framework, spec/v1/statement.md and spec/v1/resource_descriptor.md.
"""

import json
from dataclasses import dataclass
from typing import Any, Mapping

from modelkiln.canonical import canonical_json
from modelkiln.digest import check_digest, hex_of
from modelkiln.errors import ModelkilnError, reason
from modelkiln.frozen_json import FrozenJson

__all__ = ["PAYLOAD_TYPE", "STATEMENT_TYPE", "Statement", "Subject"]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
# Of a statement: as the payload of a DSSE envelope, and as a blob of a registry.
PAYLOAD_TYPE = "application/vnd.in-toto+json"

_NOTHING = FrozenJson.of({})


@dataclass(frozen=True)
class Subject:
    """What a statement is about: a name, which may be empty, and the digest that counts ("sha256:<hex>").

    annotations: what else its maker says of it (resource_descriptor.md), such as what `cosign sign -a` signs.
    """

    name: str
    digest: str
    annotations: FrozenJson = _NOTHING

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str) -> "Subject":
        """Read a resource descriptor of a statement's subjects.

        Raises ModelkilnError where it has no sha256: nothing here computes another digest, so that it covers
        nothing.
        """
        digests = value.get("digest")
        if not isinstance(digests, Mapping) or "sha256" not in digests:
            known = ", ".join(sorted(digests)) if isinstance(digests, Mapping) else ""
            raise ModelkilnError(
                f"{where}: its subject {value.get('name', '')!r} has no sha256, but {known or 'no digest'}. "
                "Have it made again with sha256 digests."
            )
        name = value.get("name", "")
        if not isinstance(name, str):
            raise ModelkilnError(f"{where}: the name {name!r} of its subject is not a string.")
        annotations = value.get("annotations") or {}
        if not isinstance(annotations, Mapping):
            raise ModelkilnError(f"{where}: the annotations {annotations!r} of its subject are not an object.")
        digest = check_digest(f"sha256:{digests['sha256']}", f"{where}: subject {name!r}")
        return cls(name, digest, FrozenJson.of(annotations))

    def to_json(self) -> dict[str, Any]:
        """Return the resource descriptor; without a name where there is none."""
        named = {"name": self.name} if self.name else {}
        annotations = self.annotations.to_json()
        noted = {"annotations": annotations} if annotations else {}
        return {**named, "digest": {"sha256": hex_of(self.digest)}, **noted}


@dataclass(frozen=True)
class Statement:
    """Subjects, in the order given, the type of a predicate (a URI), and the predicate."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: FrozenJson

    @classmethod
    def of(cls, subjects: tuple[Subject, ...], predicate_type: str, predicate: Mapping[str, Any]) -> "Statement":
        """Return the statement of a predicate that JSON can hold."""
        return cls(subjects, predicate_type, FrozenJson.of(predicate))

    @classmethod
    def read(cls, data: bytes, where: str) -> "Statement":
        """Read a statement's JSON; raises ModelkilnError for what is not one of version 1."""
        try:
            value = json.loads(data)
            if value["_type"] != STATEMENT_TYPE:
                raise ModelkilnError(f"{where}: is of type {value['_type']!r}, not {STATEMENT_TYPE}.")
            subjects = tuple(Subject.from_json(one, where) for one in value["subject"])
            predicate_type, predicate = value["predicateType"], value.get("predicate") or {}
            if not isinstance(predicate, Mapping):
                raise ValueError("its predicate is not an object")
            if not isinstance(predicate_type, str) or not subjects:
                raise ValueError("it lacks a type of predicate" if subjects else "it has no subject")
            return cls.of(subjects, predicate_type, predicate)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ModelkilnError(f"{where}: is not an in-toto statement: {reason(error)}.") from None

    def to_json(self) -> dict[str, Any]:
        """Return the statement's JSON object."""
        return {
            "_type": STATEMENT_TYPE,
            "subject": [subject.to_json() for subject in self.subjects],
            "predicateType": self.predicate_type,
            "predicate": self.predicate.to_json(),
        }

    def to_bytes(self) -> bytes:
        """Return the statement as canonical JSON."""
        return canonical_json(self.to_json())

    def is_about(self, digest: str) -> bool:
        """Whether one of the subjects is the blob of this digest."""
        return any(subject.digest == digest for subject in self.subjects)
