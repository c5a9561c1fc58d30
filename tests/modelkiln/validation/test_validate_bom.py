"""Bills of materials in images, held to the package's record."""

import json

import pytest
from samples.broken_layout import Broken

from modelkiln.canonical import canonical_json
from modelkiln.validation.bom import bom_problems
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


def test_wheels_of_every_environment_are_in_the_bill():
    """Those that an ensemble has beside its own, too."""
    wheel = {"name": "numpy", "filename": "numpy-2.0-py3-none-any.whl", "sha256": "ab" * 32}
    environments = {"opt/venvs/0123456789ab": {"requirements": [wheel]}}
    record = {"package_digest": "sha256:1", "artifacts": [], "code": [], "requirements": []}
    stated = [{"name": "modelkiln:package:digest", "value": "sha256:1"}]
    component = {"hashes": [{"alg": "SHA-256", "content": "ab" * 32}]}

    def ask(components):
        bom = {"bomFormat": "CycloneDX", "metadata": {"component": {"properties": stated}}, "components": components}
        return list(bom_problems(canonical_json(bom), {**record, "ensemble": {"environments": environments}}, "bom"))

    assert [] == ask([component])
    assert [f"bom: lacks sha256 {'ab' * 32}, {wheel['filename']} of the record's requirements."] == ask([])
