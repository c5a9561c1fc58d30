"""The page: packages one after the other, with a map of their bytes."""

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Sequence

from modelkiln.ensemble.programs import members_by_environment
from modelkiln.report.code import code_texts
from modelkiln.report.difference import difference
from modelkiln.report.evidence.attestations import Attestation, attestations
from modelkiln.report.evidence.evidence import Evidence
from modelkiln.report.evidence.vulnerabilities import Vulnerability, vulnerabilities
from modelkiln.report.inputs import debian_packages
from modelkiln.report.needs import code_graph, debian_graph, read_status
from modelkiln.report.package import Package
from modelkiln.report.page import card, tables
from modelkiln.report.page.change import change
from modelkiln.report.page.contents import Tree, read_tree
from modelkiln.report.page.document import byte_map, document
from modelkiln.report.page.evidence import attested, smoke_tests, vulnerable
from modelkiln.report.page.html import Html, tag
from modelkiln.report.page.tables import Environment
from modelkiln.report.wheels import read_wheels
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["render"]

_NONE = Evidence()


@dataclass(frozen=True)
class _Subject:
    """One variant of a package, with all that is known of it. label: what the page calls it. environments: its own
    first, then those of an ensemble's members."""

    label: str
    package: Package
    record: Mapping[str, Any]
    environments: Sequence[Environment]
    tree: Tree
    attestations: Sequence[Attestation]


def render(
    packages: Sequence[Package], evidence: Evidence = _NONE, progress: Callable[[int], None] = lambda number: None
) -> str:
    """Return the page of `packages`: a document that refers to nothing outside of it.

    It is the same for the same packages and the same evidence, whenever and wherever it is written. progress: gets a
    1 for each package that was read.
    """
    subjects = []
    for package in packages:
        stated = attestations(package, evidence.policy, evidence.repository)
        subjects += [_subject(package, record, packages, stated) for record in package.variants]
        progress(1)
    names = [f"{one.record['name']} {one.record['version']}" for one in subjects]
    title = " and ".join(dict.fromkeys(names))
    changes = change(difference(packages[0], packages[1], evidence.scans)) if len(packages) == 2 else None
    parts = [*_parts(subjects, evidence), *([changes] if changes else [])]
    return document(title, _contents(subjects, changes), parts, [one.tree for one in subjects])


def _subject(
    package: Package, record: Mapping[str, Any], packages: Sequence[Package], stated: Sequence[Attestation]
) -> _Subject:
    environments = _environments(package, record)
    variant = record.get("variant") or {}
    words = [record["name"], record["version"], variant.get("accelerator", ""), variant.get("platform", "")]
    words += [package.label] if len(packages) > 1 else []
    label = " ".join(filter(None, words))
    tree = read_tree(package, record, {one.path: one.wheels for one in environments})
    return _Subject(label, package, record, environments, tree, tuple(stated))


def _environments(package: Package, record: Mapping[str, Any]) -> list[Environment]:
    texts = code_texts(package, {file["path"] for file in record.get("code") or ()})
    found = []
    for path, members in members_by_environment(record).items():
        wheels = read_wheels(package, record, path)
        graph = code_graph(record, texts, wheels, path) if texts else None
        found.append(Environment(path, members, wheels, graph))
    return found


def _contents(subjects: Sequence[_Subject], changes: Optional[Html]) -> Optional[Html]:
    if len(subjects) < 2:
        return None
    links = [tag("li", tag("a", one.label, href=f"#package{number}")) for number, one in enumerate(subjects)]
    links += [tag("li", tag("a", "What changed", href="#changed"))] if changes else []
    return tag("nav", tag("ul", *links), aria_label="Packages")


def _parts(subjects: Sequence[_Subject], evidence: Evidence) -> list[Html]:
    every = [(one.label, one.record) for one in subjects]
    found = []
    for number, one in enumerate(subjects):
        others = {other.label: other.package.layers for other in subjects if other.package is not one.package}
        status = read_status(one.package)
        graph, paragraphs = debian_graph(status) if status else (None, {})
        parts = [
            _identity(one),
            card.card(one.record),
            card.metrics(one.record, every),
            card.signature(one.record),
            card.commands(one.package, one.record),
            card.needs(one.record),
            smoke_tests(evidence.tests, one.record, one.attestations),
            attested(one.attestations),
            vulnerable(_vulnerabilities(one, evidence)),
            byte_map(number),
            tables.artifacts(one.record),
            tables.members(one.record),
            tables.wheels(one.environments),
            tables.debian(debian_packages(one.package.record), graph, paragraphs),
            tables.licences(one.record, one.environments),
            tables.layers(one.package.layers, others),
        ]
        heading = tag("h2", one.label, id=f"title{number}")
        attributes = {"id": f"package{number}", "aria_labelledby": f"title{number}", "class_": "package"}
        found.append(tag("article", heading, *parts, **attributes))
    return found


def _vulnerabilities(one: _Subject, evidence: Evidence) -> Optional[list[Vulnerability]]:
    if evidence.scans is None:
        return None
    return vulnerabilities({**one.record, "layers": one.package.record.get("layers")}, evidence.scans)


def _identity(one: _Subject) -> Html:
    files, tree = one.tree.count(), one.tree
    sizes = f"{readable_size(round(tree.packed))} packed, {readable_size(tree.size)} unpacked, {files:,} files"
    digest = tag("span", "package digest ", tag("code", one.record["package_digest"], class_="digest"))
    return tag("p", sizes, tag("br"), digest, class_="identity")
