"""The schemas of docs/schemas, and committed files. What is written in tests of its own is checked there: records
in tests/e2e/monorepo.py, locks of weights in tests/support/locking.py, the others next to what writes them."""

import json

import jsonschema
import pytest
from documents import ROOT, pages
from schemas import load_schema, schema_problems

from modelkiln.runtime.tensors import DATATYPES

NAMES = sorted(path.stem for path in (ROOT / "docs/schemas").glob("*.json"))
LOCKS = sorted(path.name for path in (ROOT / "3rdparty/debian").glob("*.lock.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name):
    """It is a JSON Schema, and a page names it."""
    jsonschema.Draft202012Validator.check_schema(load_schema(name))
    assert any(f"(schemas/{name}.json)" in page.read_text("utf-8") for page in pages())


@pytest.mark.parametrize("name", LOCKS)
def test_locks_of_debian_packages_have_the_form(name):
    """Those that `pants lock` wrote for this repository."""
    assert [] == schema_problems("debian-lock", json.loads((ROOT / "3rdparty/debian" / name).read_text("utf-8")))


def test_there_are_locks_to_check():
    """Of bases and toolchains, for two architectures."""
    assert 6 == len(LOCKS)


def test_a_key_that_is_not_described_is_a_problem():
    """What a release adds to a file it adds to the schema."""
    lock = json.loads((ROOT / "3rdparty/debian" / LOCKS[0]).read_text("utf-8"))
    assert ["packages/0: Additional properties are not allowed ('section' was unexpected)"] == schema_problems(
        "debian-lock", {**lock, "packages": [{**lock["packages"][0], "section": "libs"}]}
    )


def test_signatures_have_the_datatypes_of_the_runtime():
    """The record's schema lists what the runtime can read."""
    assert sorted(DATATYPES) == sorted(load_schema("record")["$defs"]["tensor"]["properties"]["datatype"]["enum"])
