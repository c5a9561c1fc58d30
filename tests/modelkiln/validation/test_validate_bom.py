"""Bills of materials in images, held to the package's record."""

import json

import pytest
from samples.broken_layout import Broken

from modelkiln.canonical import canonical_json
from modelkiln.validation.layout import validate_layout

_PLACE = "usr/share/sbom/modelkiln.cdx.json"


def _issues(tmp_path, change):
    broken = Broken(tmp_path)

    def changed(member, data):
        return change(data) if member.name == _PLACE else data

    broken.rewrite_layer("record", changed)
    return [str(issue) for issue in validate_layout(broken.path)]


def _without_files(data):
    bom = json.loads(data)
    bom["components"] = [one for one in bom["components"] if one["type"] != "file"]
    return canonical_json(bom)


def test_an_image_with_its_bill_is_valid(tmp_path):
    """The bill that belongs to the record is no issue."""
    assert [] == _issues(tmp_path, lambda data: data)


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda data: b"{", "is not a bill of materials: "),
        (lambda data: b"[]", "is not a bill of materials: it has a"),
        (lambda data: data.replace(b'"CycloneDX"', b'"SPDX"'), "bomFormat: got 'SPDX', want CycloneDX."),
        (lambda data: data.replace(b"sha256:", b"sha256-"), "modelkiln:package:digest: got sha256-"),
        (_without_files, "digits.bin of the record's artifacts."),
    ],
)
def test_a_bill_of_another_package_is_an_issue(tmp_path, change, expected):
    """What is not one, names another package, or leaves out a file of the record, is reported with its place."""
    found = _issues(tmp_path, change)
    assert [True] == [f"/{_PLACE}: " in issue and expected in issue for issue in found], found
