"""How a package was made: an in-toto statement with the predicate of SLSA, from its record alone.

Specification: SLSA v1.1, provenance ("https://slsa.dev/provenance/v1"); the type of build is docs/provenance.md's.
Nothing in it depends on the clock or on the machine: who builds is an option.
"""

from typing import Any, Iterable, Iterator, Mapping

from modelkiln.attestation.sbom.purl import debian_purl, pypi_purl, to_purl
from modelkiln.attestation.statement import Statement, Subject
from modelkiln.package.record import recorded_environments, variant_records
from modelkiln.recipe import DEBIAN, PORTABLE_PYTHON, Recipe

__all__ = ["BUILD_TYPE", "PROVENANCE", "UNKNOWN_BUILDER", "provenance", "products"]

PROVENANCE = "https://slsa.dev/provenance/v1"
# Specified by docs/provenance.md. The number rises when a parameter changes its meaning.
BUILD_TYPE = "urn:modelkiln:build-type:package:1"
# Of a builder that nobody has named: verifiers trust none of this name.
UNKNOWN_BUILDER = "urn:modelkiln:builder:unknown"
# What of a record the target says.
_PARAMETERS = (
    "name", "version", "variant", "entry_point", "entrypoint", "weights", "signature", "metadata", "wheel", "provided",
)  # fmt: skip


def products(record: Mapping[str, Any]) -> tuple[Subject, ...]:
    """Return what came out of a package, by the record in `dist/`: each format by its file or manifest, and a packed
    PEX by its set digest."""
    found = []
    for _, facts in sorted((record.get("formats") or {}).items()):
        digest = facts["manifest"]["digest"] if "manifest" in facts else facts.get("set_digest")
        found.append(Subject(facts["path"], digest or f"sha256:{facts['sha256']}"))
    return tuple(found)


def provenance(record: Mapping[str, Any], subjects: Iterable[Subject], builder: str = "") -> Statement:
    """Return the statement of how a package was made.

    record: as it lies in `dist/`, with its layers and their recipes. builder: the URI of who builds.
    """
    variants = variant_records(record)
    layers = [dict(layer) for layer in record.get("layers") or ()]
    recipes = [Recipe(layer["recipe"]) for layer in layers if layer.get("recipe")]
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "packages": [{key: one[key] for key in _PARAMETERS if one.get(key)} for one in variants],
                "formats": sorted(record.get("formats") or ()),
            },
            "internalParameters": {"layers": [_layer(layer) for layer in layers]},
            "resolvedDependencies": _unique(_dependencies(record, variants, recipes)),
        },
        "runDetails": {"builder": {"id": builder or UNKNOWN_BUILDER}},
    }
    return Statement.of(tuple(subjects), PROVENANCE, predicate)


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    described = {"title": layer["title"], "digest": layer["descriptor"]["digest"], "diffId": layer["diff_id"]}
    recipe = Recipe(layer["recipe"]).to_json() if layer.get("recipe") else None
    return {**described, **({"recipe": recipe} if recipe else {})}


def _dependencies(
    record: Mapping[str, Any], variants: Iterable[Mapping[str, Any]], recipes: Iterable[Recipe]
) -> Iterator[dict[str, Any]]:
    for variant in variants:
        for file in variant.get("artifacts") or ():
            yield _file(f"artifact:{file['path']}", file["sha256"])
        for file in variant.get("code") or ():
            yield _file(f"code:{file['path']}", file["sha256"])
        for wheels in (variant.get("requirements") or (), *recorded_environments(variant).values()):
            for wheel in wheels:
                yield from _wheel(wheel)
        yield from _base(variant)
    for source in record.get("sources") or ():
        named = {"uri": source["source"]["uri"]} if (source.get("source") or {}).get("uri") else {}
        digest = str(source["set_digest"]).rpartition(":")[2]
        notes = {"target": source["target"], "revision": (source.get("source") or {}).get("revision")}
        known = {key: value for key, value in notes.items() if value}
        # That of the list of its files, see `weights.lock.set_digest`.
        yield {"name": f"weights:{source['target']}", **named, "digest": {"sha256": digest}, "annotations": known}
    for recipe in recipes:
        yield from _packages(recipe)


def _file(name: str, sha256: str, uri: str = "") -> dict[str, Any]:
    return {"name": name, **({"uri": uri} if uri else {}), "digest": {"sha256": sha256}}


def _wheel(wheel: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A wheel, and of one that was built here all that it was built from."""
    build = wheel.get("build") or {}
    if not build:
        yield _file(wheel["filename"], wheel["sha256"], _of_wheel(wheel, wheel["filename"]))
    if "sdist" in build:
        sdist = build["sdist"]
        yield _file(sdist["filename"], sdist["sha256"], _of_wheel(wheel, sdist["filename"]))
    if "wheel" in build:
        yield from _wheel({"name": wheel["name"], "version": wheel["version"], **build["wheel"]})
    for requirement in build.get("requirements", ()):
        yield from _wheel(requirement)
    if "toolchain" in build:
        yield _file("toolchain", build["toolchain"].rpartition(":")[2])


def _of_wheel(wheel: Mapping[str, Any], filename: str) -> str:
    return pypi_purl(wheel["name"], wheel["version"], filename)


def _base(variant: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    base = variant.get("base") or {}
    if "lock" in base:
        yield _file("base lock", base["lock"].rpartition(":")[2])
    if "@sha256:" in base.get("image", ""):
        yield _file("base image", base["image"].rpartition("@sha256:")[2], f"oci://{base['image']}")
    if variant.get("weights_lock"):
        yield _file("weights lock", variant["weights_lock"])
    interpreter = variant.get("interpreter")
    if interpreter:
        yield _file(f"interpreter {interpreter['python']}+{interpreter['release']}", interpreter["files"][-64:])


def _packages(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """The Debian packages of a base, the archive of a portable Python, and the interpreters that compile byte code."""
    bytecode = recipe.get("bytecode") or {}
    for packages in (bytecode.get("packages") or (), *(bytecode.get("architectures") or {}).values()):
        for one in packages:
            yield _file(one["filename"].rpartition("/")[2], one["sha256"])
    if recipe.packer == DEBIAN:
        suite = recipe["lock"]["suite"]
        for one in recipe["lock"]["packages"]:
            purl = debian_purl(one["name"], one["version"], one["architecture"], suite)
            yield _file(one["filename"].rpartition("/")[2], one["sha256"], purl)
    elif recipe.packer == PORTABLE_PYTHON:
        archive = recipe["archive"]
        filename = archive["filename"].rpartition("/")[2]
        version = archive["version"].partition("+")[0]
        purl = to_purl("generic", "", "cpython", version, {"file_name": filename})
        yield _file(filename, archive["sha256"], purl)


def _unique(dependencies: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each once, by name, with its URI where one is known: variants and layers share what they are made of."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in dependencies:
        key = (one["name"], one["digest"]["sha256"])
        found[key] = {**found.get(key, {}), **one}
    return [found[key] for key in sorted(found)]
