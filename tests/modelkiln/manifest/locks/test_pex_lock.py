"""Locks that Pex writes."""

import json

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin, read_lock
from modelkiln.wheels.platforms import Target

ENVIRONMENT = Target("3.11", "linux/amd64", "2.36").marker_environment()
A, B = "a" * 64, "b" * 64


def lock(*packages, header=""):
    """Return a lock of packages, as (name, URLs of files)."""
    locked = [
        {
            "project_name": name,
            "version": "1.0",
            "artifacts": [{"algorithm": "sha256", "hash": value, "url": url} for value, url in zip((A, B), urls)],
            "requires_dists": [],
        }
        for name, urls in packages
    ]
    return header + json.dumps({"locked_resolves": [{"locked_requirements": locked}]}) + "\n"


def test_reads_a_lock_under_a_header_of_pants():
    """The JSON that `pants generate-lockfiles` writes serves as it is, with or without a header."""
    packages = [("demo", ["https://index.example/demo-1.0.tar.gz", "https://index.example/demo-1.0-py3-none-any.whl"])]
    header = "// --- BEGIN PANTS LOCKFILE METADATA\n// {}\n"
    assert [Pin("demo", "1.0", (A, B))] == read_lock(lock(*packages, header=header), "lock.json", ENVIRONMENT)
    assert [Pin("demo", "1.0", (A, B))] == read_lock(lock(*packages), "lock.json", ENVIRONMENT)


def test_other_hashes_do_not_count():
    """Files are known by their sha256."""
    text = lock(("demo", ["https://index.example/demo-1.0.tar.gz", "https://index.example/demo-1.0.zip"]))
    text = text.replace(f'"sha256", "hash": "{A}"', '"md5", "hash": "0"')
    assert [Pin("demo", "1.0", (B,))] == read_lock(text, "lock.json", ENVIRONMENT)


def test_a_folder_of_wheels_is_an_index():
    """What --find-links names is fetched by hash as all else."""
    text = lock(("demo", ["file:///wheels/demo-1.0-py3-none-any.whl"]))
    assert [Pin("demo", "1.0", (A,))] == read_lock(text, "lock.json", ENVIRONMENT)


def test_each_that_no_index_has_is_named():
    """A package of version control or a folder has a hash in a Pex lock, of no file that can be fetched."""
    text = lock(
        ("one", ["git+https://git.example/one@1"]),
        ("two", ["file:///repository/two"]),
        ("six", ["https://index.example/six-1.0-py3-none-any.whl"]),
    )
    with pytest.raises(ModelkilnError) as caught:
        read_lock(text, "lock.json", ENVIRONMENT)
    message = str(caught.value)
    assert message.startswith("lock.json: one comes from git (git+https://git.example/one@1), and only files of an")
    assert "two comes from path (file:///repository/two)" in message and "six" not in message
    assert message.endswith("publish a wheel of it, depend on that, and lock again.")


@pytest.mark.parametrize("text", ["{}", "{", '{"locked_resolves": []}', "// {}\n"])
def test_what_is_no_lock_is_refused(text):
    """The lock and the remedies are named."""
    with pytest.raises(ModelkilnError, match=r"(?s)^lock\.json: looks like a Pex lock.*pip-compile --generate-hashes"):
        read_lock(text, "lock.json", ENVIRONMENT)
