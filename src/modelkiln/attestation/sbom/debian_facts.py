"""What Debian packages say of themselves: their source, what they need, and their licences.

A lock names packages by version and hash; the rest is in the packages. Read once a package and store.
"""

import re
from typing import Any, BinaryIO, Iterable, Mapping, Sequence

from modelkiln.base.debian_mirrors import deb_digest, fetch_debs
from modelkiln.base.debian_package import iter_data, read_control
from modelkiln.machine.settings import load_machine_env
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store
from modelkiln.wheels.licenses import license_expression

__all__ = ["debian_facts", "package_facts"]

_COPYRIGHT = re.compile(r"usr/share/doc/([^/]+)/copyright")
_DOCUMENTATION = re.compile(r"usr/share/doc/([^/]+)")
# A copyright file lists the authors of thousands of files.
_COPYRIGHT_LIMIT = 8 << 20
_FIELD = re.compile(r"([A-Za-z-]+):[ \t]*(.*)")
# deb-control(5): one alternative of a relationship: name, architecture, version.
_ALTERNATIVE = re.compile(r"([a-z0-9][a-z0-9+.-]+)")
_SOURCE = re.compile(r"(\S+)(?:\s+\(([^)]+)\))?")


def debian_facts(packages: Sequence[Mapping[str, Any]], store: Store) -> dict[str, dict[str, Any]]:
    """Return of each locked package, by name, its "source" and "source_version", the sorted names of locked
    packages that it "needs", and the "licenses" of its copyright file, as Debian calls them, sorted.

    Packages that `store` lacks are fetched. Raises ModelkilnError for one that cannot be had or is damaged.
    """
    cache, found = ResultCache(store, "contents"), {}
    for package in packages:
        question = {"format": 1, "debian": package["sha256"]}
        facts = cache.get(question)
        if facts is None:
            fetch_debs([package], store, load_machine_env(store.root))
            with store.open(deb_digest(package)) as stream:
                facts = package_facts(stream, package)
            cache.put(question, facts)
        found[package["name"]] = facts
    return {name: _in_lock(name, facts, found) for name, facts in found.items()}


def package_facts(stream: BinaryIO, package: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one package says: "source", "source_version", "depends" (lists of alternatives), "provides",
    "licenses", and "documented_by", the package that has its copyright file, or ""."""
    where = f"Debian package {package['name']} {package['version']}"
    control = dict(_fields(read_control(stream, where)))
    licenses, documented_by = _documentation(stream, package["name"], where)
    source = _SOURCE.match(control.get("Source", "")) or _SOURCE.match(f"{package['name']}")
    assert source is not None, "a package has a name"
    relations = ", ".join(control[key] for key in ("Pre-Depends", "Depends") if control.get(key))
    return {
        "source": source[1],
        "source_version": source[2] or package["version"],
        "depends": [names for names in map(_names, relations.split(",")) if names],
        "provides": [names[0] for names in map(_names, control.get("Provides", "").split(",")) if names],
        "licenses": licenses,
        "documented_by": documented_by,
    }


def _names(relation: str) -> list[str]:
    """The package names of a relation's alternatives: "a (>= 1) | b:any" gives a and b."""
    found = (_ALTERNATIVE.match(one.strip()) for one in relation.split("|"))
    return [match[1] for match in found if match]


def _documentation(stream: BinaryIO, name: str, where: str) -> tuple[list[str], str]:
    """The licences of a package's copyright file, or the package whose file it shares by a link."""
    for entry, content in iter_data(stream, where):
        found = _COPYRIGHT.fullmatch(entry.path)
        if found and found[1] == name and content is not None:
            return _licenses(content.read(_COPYRIGHT_LIMIT).decode("utf-8", "replace")), ""
        shared = _DOCUMENTATION.fullmatch(entry.path)
        if shared and shared[1] == name and entry.kind == "symlink":
            return [], entry.link.rstrip("/").rpartition("/")[2]
    return [], ""


def _licenses(text: str) -> list[str]:
    """The short names of the licences of files, of a machine-readable copyright file (copyright-format 1.0)."""
    found = set()
    paragraphs = [list(_fields(paragraph)) for paragraph in re.split(r"\n\s*\n", text)]
    if not paragraphs or "Format" not in dict(paragraphs[0]):
        return []
    for fields in map(dict, paragraphs):
        # A paragraph without files gives a licence's text.
        if fields.get("License") and ("Files" in fields or "Format" in fields):
            found.add(" ".join(fields["License"].split("\n")[0].replace(",", " ").split()))
    return sorted(found - {""})


def _fields(paragraph: str) -> Iterable[tuple[str, str]]:
    """The fields of a paragraph of control data; further lines of a value are kept, without their indentation."""
    name, value = "", ""
    for line in paragraph.splitlines():
        field = None if line[:1] in (" ", "\t") else _FIELD.match(line)
        if field:
            if name:
                yield name, value
            name, value = field[1], field[2].strip()
        else:
            value += f"\n{line.strip()}"
    if name:
        yield name, value


def _in_lock(name: str, facts: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of a package among those that are locked with it."""
    providers = {
        virtual: provider for provider in sorted(others, reverse=True) for virtual in others[provider]["provides"]
    }
    needs = set()
    for alternatives in facts["depends"]:
        chosen = next((one for one in alternatives if one in others), None)
        chosen = chosen or next((providers[one] for one in alternatives if one in providers), None)
        needs.update([chosen] if chosen else [])  # What the lock leaves out on purpose is not needed.
    documented = others.get(facts["documented_by"], facts)
    known = [license_expression(one) for one in documented["licenses"]]
    return {
        "source": facts["source"],
        "source_version": facts["source_version"],
        "needs": sorted(needs - {name}),
        **_choice(documented["licenses"], known),
    }


def _choice(names: Sequence[str], known: Sequence[Any]) -> dict[str, Any]:
    """The licences of all files of a package: one expression where all are known, else their names."""
    if not names or None in known:
        return {"licenses": list(names)}
    if len(known) == 1:
        return {"expression": known[0]}
    return {"expression": " AND ".join(f"({one})" if " OR " in one else one for one in dict.fromkeys(known))}
