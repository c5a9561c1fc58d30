"""The bill of materials of a package, as CycloneDX 1.7: what is in it, and what needs what.

A pure function of the record and of what its locks and wheels say, made where a package is assembled: no file of it
is read, and no library is imported. cyclonedx-python-lib takes a quarter of a second to start, gives components
random references and has no model cards; tests hold what is written here to the schema that it ships, and read it
with it.

Nothing in a bill depends on the clock, on the machine or on Modelkiln's release, and its serial number comes from
its own content.
"""

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional

from modelkiln.attestation.sbom import components as one
from modelkiln.attestation.sbom.model_card import MODEL, model_component, to_properties
from modelkiln.attestation.sbom.purl import debian_release, pypi_purl
from modelkiln.attestation.statement import Statement, Subject
from modelkiln.canonical import canonical_json
from modelkiln.package.record import recorded_environments

__all__ = [
    "IMAGE",
    "PROGRAM",
    "WEIGHTS",
    "WHEEL",
    "BaseFacts",
    "WheelFacts",
    "bom_bytes",
    "older_bom",
    "package_bom",
]

SPEC_VERSION = "1.7"
# What a bill is of: an image, a PEX or scie, a model's wheel, or an image or artifact of weights alone.
IMAGE, PROGRAM, WHEEL, WEIGHTS = "image", "program", "wheel", "weights"

_PACKAGE, _CODE, _RUNTIME, _BASE = "package", "code", "runtime", "base"
# The runtime travels in each package; it is listed with the package's code.
_RUNTIME_FOLDER = "modelkiln/"


@dataclass(frozen=True)
class WheelFacts:
    """licenses: by name of a wheel, see `wheels.licenses`. needed_by: by name, who needs it ("" is the code).
    others: of the environments that an ensemble has beside its own, by path."""

    licenses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needed_by: Mapping[str, Iterable[str]] = field(default_factory=dict)
    others: "Mapping[str, WheelFacts]" = field(default_factory=dict)


@dataclass(frozen=True)
class BaseFacts:
    """An image's base: the lock of its Debian packages with what they say (see `debian_facts`), and the archive of
    its portable CPython, if it has one; or the reference of an image of a registry."""

    lock: Optional[Mapping[str, Any]] = None
    packages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    archive: Optional[Mapping[str, Any]] = None
    reference: str = ""


_NO_WHEELS, _NO_BASE = WheelFacts(), BaseFacts()


def package_bom(
    record: Mapping[str, Any], kind: str, wheels: WheelFacts = _NO_WHEELS, base: BaseFacts = _NO_BASE
) -> dict[str, Any]:
    """Return the bill of a package of this record in one of its formats, as a JSON object.

    base: of an image.
    """
    bill = _Bill(record, kind)
    bill.add_model()
    if kind != WEIGHTS:
        bill.add_code()
        bill.add_wheels(wheels)
        bill.add_base(base)
    return bill.finish()


def bom_bytes(bom: Mapping[str, Any]) -> bytes:
    """Return a bill as it lies in packages: canonical JSON, with a serial number that is its content's (UUID of
    version 8, RFC 9562, from its sha256)."""
    text = canonical_json({key: value for key, value in bom.items() if key != "serialNumber"})
    value = bytearray(hashlib.sha256(text).digest()[:16])
    value[6], value[8] = value[6] & 0x0F | 0x80, value[8] & 0x3F | 0x80
    serial = f'"serialNumber":"urn:uuid:{uuid.UUID(bytes=bytes(value))}",'.encode()
    # In its place among the keys, of which two come after it: to write all of it again would take twice as long.
    place = text.rindex(b'"specVersion":')
    return text[:place] + serial + text[place:]


def bom_statement(bom: Mapping[str, Any], subjects: tuple[Subject, ...]) -> Statement:
    """Return the statement that a bill is that of its subjects, in the form in which it can be signed.

    Its predicate type is that of in-toto's attestation framework, spec/predicates/cyclonedx.md.
    """
    return Statement.of(subjects, "https://cyclonedx.org/bom", bom)


def older_bom(bom: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bill as CycloneDX 1.6, for readers that know no newer one.

    It cannot say that a component is expected elsewhere and is not in the package (`isExternal`): a property does.
    """
    return {
        **bom,
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "specVersion": "1.6",
        "components": [_older(component) for component in bom["components"]],
    }


def _older(component: Mapping[str, Any]) -> dict[str, Any]:
    older = {key: value for key, value in component.items() if key != "isExternal"}
    if component.get("isExternal"):
        older["properties"] = [*component.get("properties", ()), *to_properties("modelkiln:external", True)]
    return older


class _Bill:
    """A bill as it grows: components by reference, and who needs whom."""

    def __init__(self, record: Mapping[str, Any], kind: str) -> None:
        self._record, self._kind = record, kind
        self._components: list[dict[str, Any]] = []
        self._needs: dict[str, set[str]] = {}
        self._unknown: list[str] = []
        self._added: set[str] = set()
        self._wheels: dict[str, str] = {}
        self._root = self._describe()

    def _describe(self) -> dict[str, Any]:
        """The component of what the bill is of."""
        record = self._record
        if self._kind == WEIGHTS:
            return model_component(record)
        types = {IMAGE: "container", PROGRAM: "application", WHEEL: "library"}
        stated = {"digest": record["package_digest"], "variant": record["variant"], "weights": record["weights"]}
        described = record.get("wheel") if self._kind == WHEEL else None
        purl = {"purl": pypi_purl(described["distribution"].lower(), described["version"])} if described else {}
        return {
            "type": types[self._kind],
            "bom-ref": _PACKAGE,
            "name": record["name"],
            "version": record["version"],
            **purl,
            "properties": to_properties("modelkiln:package", stated),
        }

    def _add(self, component: dict[str, Any], *needed_by: str) -> str:
        ref = component["bom-ref"]
        if ref not in self._added:  # Several environments of an ensemble may have one wheel.
            self._added.add(ref)
            self._components.append(component)
        self._needs.setdefault(ref, set())
        for parent in needed_by:
            self._needs.setdefault(parent, set()).add(ref)
        return ref

    def add_model(self) -> None:
        """Add the model and the files of its artifacts."""
        record = self._record
        if self._kind != WEIGHTS:
            self._add(model_component(record), _PACKAGE)
        lazy = (record.get("wheel") or {}).get("weights_lock") if self._kind == WHEEL else None
        is_external = self._kind != WEIGHTS and (record["weights"] != "bundled" or bool(lazy))
        for file in record["artifacts"]:
            self._add(one.artifact_component(file, is_external), MODEL)

    def add_code(self) -> None:
        """Add the package's own code, with the commit that its metadata states, and the runtime."""
        code = self._record["code"]
        own = [file for file in code if not file["path"].startswith(_RUNTIME_FOLDER)]
        runtime = [file for file in code if file["path"].startswith(_RUNTIME_FOLDER)]
        revision = self._record["metadata"].get("revision")
        stated = {"entry_point": self._record["entry_point"], "revision": revision}
        properties = to_properties("modelkiln:code", stated)
        name = self._record["entry_point"].partition(":")[0] or self._record["name"]
        self._add(one.code_component(_CODE, name, own, properties=properties), _PACKAGE)
        self._add(one.code_component(_RUNTIME, "modelkiln-runtime", runtime), _PACKAGE)

    def add_wheels(self, facts: WheelFacts) -> None:
        """Add the wheels, which a model's wheel requires and does not contain, and what the machine has to provide."""
        self._add_environment(self._record["requirements"], facts)
        for path, wheels in recorded_environments(self._record).items():
            self._add_environment(wheels, facts.others.get(path, _NO_WHEELS))
        for requirement in self._record.get("provided") or ():
            self._add(one.provided_component(requirement), _CODE)

    def _add_environment(self, wheels: Iterable[Mapping[str, Any]], facts: WheelFacts) -> None:
        refs = {wheel["name"]: self._wheel_ref(wheel) for wheel in wheels}
        for wheel in wheels:
            name = wheel["name"]
            parents = [refs.get(parent, _CODE) for parent in facts.needed_by.get(name, ("",))]
            # In numpy's arrays the runtime hands tensors over.
            parents += [_RUNTIME] if name == "numpy" else []
            component = one.wheel_component(wheel, facts.licenses.get(name, {}), self._kind == WHEEL)
            self._add({**component, "bom-ref": refs[name]}, *parents)

    def _wheel_ref(self, wheel: Mapping[str, Any]) -> str:
        """The reference of a wheel: environments of one ensemble may have two files of one version."""
        ref, sha256 = one.wheel_ref(wheel), wheel["sha256"]
        return ref if self._wheels.setdefault(ref, sha256) == sha256 else f"{ref}#{sha256[:12]}"

    def add_base(self, base: BaseFacts) -> None:
        """Add what an image is built on, with its interpreter; of other formats the machine has one."""
        variant = self._record["variant"]
        if self._kind != IMAGE:
            self._add(one.interpreter_component(variant["python"]), _CODE, _RUNTIME)
        elif base.lock is not None:
            self._add_debian(base.lock, base.packages, f"python{variant['python']}-minimal")
        elif base.reference:
            architecture = variant["platform"].partition("/")[2]
            self._unknown.append(
                self._add(one.registry_component(_BASE, base.reference, architecture), _PACKAGE, _CODE, _RUNTIME)
            )
        if self._kind == IMAGE and base.archive is not None:
            python = self._add(one.portable_python_component(base.archive), _CODE, _RUNTIME)
            libraries = [ref for ref in self._needs if ref.startswith("pkg:deb/") and "/libc6@" in ref]
            self._needs[python].update(libraries)

    def _add_debian(self, lock: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]], python: str) -> None:
        vendor, number = debian_release(lock["suite"])
        version = {"version": number} if number else {}
        suite = to_properties("modelkiln:base:suite", lock["suite"])
        self._add(
            {"type": "operating-system", "bom-ref": _BASE, "name": vendor, **version, "properties": suite}, _PACKAGE
        )
        packages = {package["name"]: package for package in lock["packages"]}
        components = {
            name: one.debian_component(package, lock["suite"], facts.get(name, {}))
            for name, package in packages.items()
        }
        refs = {name: component["bom-ref"] for name, component in components.items()}
        parents: dict[str, list[str]] = {name: [] for name in packages}
        for name in packages:
            for needed in facts.get(name, {}).get("needs", ()):
                parents[needed].append(refs[name])
        for name, component in components.items():
            users = [_CODE, _RUNTIME] if name == python else []
            # What nothing else needs was asked for.
            self._add(component, *(parents[name] or [_BASE]), *users)

    def finish(self) -> dict[str, Any]:
        """Return the bill as a JSON object."""
        root = self._root["bom-ref"]
        self._needs.setdefault(root, set())
        complete = [{"aggregate": "incomplete" if self._unknown else "complete", "assemblies": [root]}]
        unknown = [{"aggregate": "unknown", "assemblies": self._unknown}] if self._unknown else []
        return {
            "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": SPEC_VERSION,
            "version": 1,
            "metadata": {
                "lifecycles": [{"phase": "build"}],
                # Without a version, which would change the bill where nothing of the package is different.
                "tools": {"components": [{"type": "application", "name": "modelkiln"}]},
                "component": self._root,
            },
            "components": self._components,
            "dependencies": [
                {"ref": ref, **({"dependsOn": sorted(needs)} if needs else {})}
                for ref, needs in sorted(self._needs.items())
            ],
            "compositions": [*complete, *unknown],
        }
