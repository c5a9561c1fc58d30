"""Components of a package's bill of materials, one kind a function: files, wheels, Debian packages, Pythons, code.

Specification: CycloneDX 1.7, definitions/component. References within a bill ("bom-ref") are names of our own, so
that they are the same each time. Properties are in the namespace `modelkiln:`.
"""

import posixpath
from functools import lru_cache
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.attestation.sbom.model_card import to_properties
from modelkiln.attestation.sbom.purl import debian_purl, pypi_purl, registry_purl, to_purl
from modelkiln.wheels.licenses import license_expression

__all__ = [
    "artifact_component",
    "code_component",
    "debian_component",
    "file_ref",
    "interpreter_component",
    "portable_python_component",
    "provided_component",
    "registry_component",
    "wheel_component",
    "wheel_ref",
]

# Of files that say how a model is talked to, and that a change of alone makes another model: by their names.
_ROLES = {
    "added_tokens.json": "tokenizer",
    "chat_template.jinja": "chat-template",
    "chat_template.json": "chat-template",
    "config.json": "configuration",
    "generation_config.json": "configuration",
    "merges.txt": "tokenizer",
    "preprocessor_config.json": "configuration",
    "processor_config.json": "configuration",
    "special_tokens_map.json": "tokenizer",
    "tokenizer.json": "tokenizer",
    "tokenizer.model": "tokenizer",
    "tokenizer_config.json": "tokenizer",
    "vocab.json": "tokenizer",
    "vocab.txt": "tokenizer",
}


def file_ref(path: str) -> str:
    """Return the reference of a file of the model's artifacts."""
    return f"file:{path}"


def wheel_ref(wheel: Mapping[str, Any]) -> str:
    """Return the reference of a wheel."""
    return pypi_purl(wheel["name"], wheel["version"])


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]


def _component(**fields: Any) -> dict[str, Any]:
    """A component of what is known; what is empty is left out."""
    named = {"bom_ref": "bom-ref", "is_external": "isExternal"}
    return {named.get(key, key): value for key, value in fields.items() if value}


def artifact_component(file: Mapping[str, Any], is_external: bool) -> dict[str, Any]:
    """Return that of a file of the record's "artifacts". is_external: the package has it elsewhere, not in it."""
    component = _artifact(file["path"], file["sha256"], file["size"], file.get("format", "unknown"), is_external)
    stated = to_properties("modelkiln:artifact:facts", file.get("facts"))
    return {**component, "properties": [*component["properties"], *stated]} if stated else component


# An edit of code makes the bill anew, and an artifact may have ten thousand files.
@lru_cache(maxsize=1 << 16)
def _artifact(path: str, sha256: str, size: int, format: str, is_external: bool) -> dict[str, Any]:
    role = "chat-template" if path.endswith(".jinja") else _ROLES.get(posixpath.basename(path), "")
    stated = {"format": format, "role": role or None, "size": size}
    return _component(
        type="data" if role else "file",
        bom_ref=file_ref(path),
        name=path,
        is_external=is_external,
        hashes=_hashes(sha256),
        data=[{"type": "configuration", "name": role}] if role else [],
        properties=to_properties("modelkiln:artifact", stated),
    )


def code_component(ref: str, name: str, files: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return that of code, with a component for each of its files. more: further fields."""
    listed = [
        _component(type="file", bom_ref=f"code:{file['path']}", name=file["path"], hashes=_hashes(file["sha256"]))
        for file in files
    ]
    return _component(type="application", bom_ref=ref, name=name, components=listed, **more)


def wheel_component(wheel: Mapping[str, Any], license: Mapping[str, Any], is_external: bool) -> dict[str, Any]:
    """Return that of a wheel of the record's "requirements".

    license: see `wheels.licenses.wheel_license`. One that was built here has the sdist as its ancestor.
    """
    build = wheel.get("build") or {}
    return _component(
        type="library",
        bom_ref=wheel_ref(wheel),
        name=wheel["name"],
        version=wheel["version"],
        is_external=is_external,
        purl=pypi_purl(wheel["name"], wheel["version"]),
        hashes=_hashes(wheel["sha256"]),
        licenses=_licenses(license),
        pedigree={"ancestors": [_origin(wheel, build)]} if build else {},
        properties=[
            *to_properties("modelkiln:wheel:filename", wheel["filename"]),
            *to_properties("modelkiln:wheel:build", _recipe(build)),
        ],
    )


def provided_component(requirement: Mapping[str, Any]) -> dict[str, Any]:
    """Return that of a requirement of the record's "provided", of which a package knows which versions it takes."""
    name = requirement["name"]
    return _component(
        type="library",
        bom_ref=f"provided:{name}",
        name=name,
        is_external=True,
        purl=pypi_purl(name, ""),
        properties=to_properties("modelkiln:provided:specifier", requirement.get("specifier") or None),
    )


def _origin(wheel: Mapping[str, Any], build: Mapping[str, Any]) -> dict[str, Any]:
    """The file that a wheel was made of: an sdist, or another wheel that lost some of its files."""
    made_of = build.get("sdist") or build.get("wheel") or {}
    return _component(
        type="library",
        name=wheel["name"],
        version=wheel["version"],
        purl=pypi_purl(wheel["name"], wheel["version"], made_of.get("filename", "")),
        hashes=_hashes(made_of["sha256"]) if made_of else [],
        pedigree={"ancestors": [_origin(wheel, made_of["build"])]} if made_of.get("build") else {},
    )


def _recipe(build: Mapping[str, Any]) -> dict[str, Any]:
    """What built a wheel, in short: all of it is in the record and in the provenance."""
    wheels = [f"{one['name']}=={one['version']} sha256:{one['sha256']}" for one in build.get("requirements", ())]
    known = {"builder": build.get("builder"), "requirement": wheels, "toolchain": build.get("toolchain")}
    return {key: value for key, value in known.items() if value}


def debian_component(package: Mapping[str, Any], suite: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return that of a locked Debian package; facts: see `debian_facts`."""
    name, version, architecture = package["name"], package["version"], package["architecture"]
    source, source_version = facts.get("source", name), facts.get("source_version", version)
    upstream = "" if source == name else source
    upstream = upstream if source_version == version else f"{source}@{source_version}"
    purl = debian_purl(name, version, architecture, suite, upstream)
    origin = _component(
        type="library",
        name=source,
        version=source_version,
        purl=debian_purl(source, source_version, "source", suite),
    )
    return _component(
        type="library",
        bom_ref=purl,
        name=name,
        version=version,
        purl=purl,
        hashes=_hashes(package["sha256"]),
        licenses=_licenses(facts),
        pedigree={"ancestors": [origin]},
    )


def _licenses(stated: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Licences as CycloneDX has them: one expression, or else a list of identifiers and of other names."""
    if stated.get("expression"):
        return [{"expression": stated["expression"]}]
    names: Iterable[str] = stated.get("licenses") or ([stated["name"]] if stated.get("name") else ())
    found = []
    for name in names:
        known = license_expression(name)
        is_one = known is not None and " " not in known and not known.startswith("LicenseRef-")
        found.append({"license": {"id": known} if is_one else {"name": name}})
    return [one for number, one in enumerate(found) if one not in found[:number]]


def registry_component(ref: str, reference: str, architecture: str) -> dict[str, Any]:
    """Return that of a base image of a registry, whose contents are not known."""
    repository, _, digest = reference.partition("@")
    return _component(
        type="container",
        bom_ref=ref,
        name=repository,
        version=digest,
        purl=registry_purl(reference),
        properties=to_properties("modelkiln:base:architecture", architecture),
    )


def portable_python_component(archive: Mapping[str, Any]) -> dict[str, Any]:
    """Return that of a portable CPython, by its archive ("3.11.14+20251120")."""
    version, _, release = archive["version"].partition("+")
    purl = to_purl("generic", "", "cpython", version, {"file_name": posixpath.basename(archive["filename"])})
    return _component(
        type="application",
        bom_ref=purl,
        name="cpython",
        version=version,
        purl=purl,
        hashes=_hashes(archive["sha256"]),
        properties=to_properties("modelkiln:python-build-standalone", release),
    )


def interpreter_component(python: str) -> dict[str, Any]:
    """Return that of the interpreter of a machine, of which a package knows the minor release."""
    return _component(type="application", bom_ref="interpreter", name="cpython", version=python, is_external=True)
