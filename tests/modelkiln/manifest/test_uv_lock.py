"""Locks that uv writes."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin, read_lock
from modelkiln.wheels.platforms import Target

ENVIRONMENT = Target("3.11", "linux/amd64", "2.36").marker_environment()
A, B, C = "a" * 64, "b" * 64, "c" * 64
_HEAD = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n'


def package(name, version, *hashes, source='{ registry = "https://index.example/simple" }', more=""):
    """Return a table of a package: an sdist with the first hash, wheels with the others."""
    files = [f'{{ url = "https://index.example/{name}", hash = "sha256:{value}", size = 9 }}' for value in hashes]
    sdist = f"sdist = {files[0]}\n" if files else ""
    wheels = f"wheels = [\n{''.join(f'    {one},{chr(10)}' for one in files[1:])}]\n" if files[1:] else ""
    return f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {source}\n{more}{sdist}{wheels}'


def test_sdist_and_wheels_of_each_package_serve():
    """The project that was locked is none of its own requirements."""
    own = package("shop", "0.0.0", source='{ virtual = "." }')
    text = _HEAD + package("demo", "1.0", B, A) + own + package("six", "1.17.0", C)
    expected = [Pin("demo", "1.0", (A, B)), Pin("six", "1.17.0", (C,))]
    assert expected == read_lock(text, "uv.lock", ENVIRONMENT)


def test_of_several_resolutions_the_target_s_counts():
    """A package that is locked twice has the markers of where each version is for."""
    first = package("demo", "1.0", A, more="resolution-markers = [\n    \"python_full_version < '3.11'\",\n]\n")
    markers = "    \"python_full_version >= '3.12'\",\n    \"python_full_version == '3.11.*'\",\n"
    second = package("demo", "2.0", B, more=f"resolution-markers = [\n{markers}]\n")
    assert [Pin("demo", "2.0", (B,))] == read_lock(_HEAD + first + second, "uv.lock", ENVIRONMENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_HEAD + package("demo", "1.0", source='{ git = "https://git.example/demo?rev=1#2" }'), "is not pinned"),
        (_HEAD + package("demo", "1.0"), "'demo==1.0' has no good --hash"),
        (_HEAD.replace("1", "2", 1) + package("demo", "1.0", A), "version 2, where 1 is known"),
        (_HEAD + "[[package]]\n", "cannot be read as one"),
        ("version = 1\n[[package]]\nname = ", "cannot be read as one"),
        ("[[package]]\nname = 'demo'\n", "cannot be read as one"),
    ],
)
def test_what_pins_nothing_is_refused(text, message):
    """The lock and what is wrong are named, in one line."""
    with pytest.raises(ModelkilnError, match=rf"^uv\.lock: .*{message}") as caught:
        read_lock(text, "uv.lock", ENVIRONMENT)
    assert "\n" not in str(caught.value)
