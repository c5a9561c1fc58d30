"""Locks that uv writes."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin, read_lock
from modelkiln.manifest.locks.uv import own_projects
from modelkiln.wheels.platforms import Target

ENVIRONMENT = Target("3.11", "linux/amd64", "2.36").marker_environment()
A, B, C = "a" * 64, "b" * 64, "c" * 64
_HEAD = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n'
_X, _Y = ', extra = ["x"]', ', extra = ["y"]'
_INDEX = '{ registry = "https://index.example/simple" }'


def package(name, version, *hashes, source=_INDEX, needs=(), more=""):
    """Return a table of a package: an sdist with the first hash, wheels with the others."""
    files = [f'{{ url = "https://index.example/{name}", hash = "sha256:{value}", size = 9 }}' for value in hashes]
    lines = [f'name = "{name}"', f'version = "{version}"', f"source = {source}"]
    lines += [f"dependencies = [{', '.join(needs)}]"] if needs else []
    lines += [f"sdist = {files[0]}"] if files else []
    lines += [f"wheels = [{', '.join(files[1:])}]"] if files[1:] else []
    return "\n[[package]]\n" + "\n".join(lines) + f"\n{more}"


def on(name, more=""):
    """Return a dependency."""
    return f'{{ name = "{name}"{more} }}'


def project(*needs, source='{ virtual = "." }', more=""):
    """Return the table of the project that is locked."""
    return package("shop", "0.0.0", source=source, needs=needs, more=more)


def pins(text, environment=ENVIRONMENT):
    """Return the pins of a lock."""
    return read_lock(_HEAD + text, "uv.lock", environment)


def test_sdist_and_wheels_of_each_package_serve():
    """All that the project needs is pinned, and the project itself is not."""
    text = package("demo", "1.0", B, A, needs=[on("six")]) + project(on("demo")) + package("six", "1.17.0", C)
    assert [Pin("demo", "1.0", (A, B)), Pin("six", "1.17.0", (C,))] == pins(text)


def test_what_the_target_does_not_need_is_left_out():
    """A dependency counts where its marker holds, and what only others need does not."""
    text = package("colorama", "0.4", A) + package("click", "8", B, needs=[on("pywin")]) + package("pywin", "1", C)
    text += project(on("colorama", ", marker = \"sys_platform == 'win32'\""), on("click"))
    text = text.replace(on("pywin"), on("pywin", ", marker = \"python_full_version < '3.11'\""))
    assert [Pin("click", "8", (B,))] == pins(text)


def test_of_several_resolutions_the_target_s_counts():
    """A package that is locked twice has the markers of where each version is for, or is named with its version."""
    first = package("demo", "1.0", A, more="resolution-markers = [\n    \"python_full_version >= '3.12'\",\n]\n")
    markers = "    \"python_full_version >= '3.13'\",\n    \"python_full_version == '3.11.*'\",\n"
    second = package("demo", "2.0", B, more=f"resolution-markers = [\n{markers}]\n")
    assert [Pin("demo", "2.0", (B,))] == pins(first + second + project(on("demo")))
    named = project(on("demo", ', version = "1.0"'))
    assert [Pin("demo", "1.0", (A,))] == pins(package("demo", "1.0", A) + package("demo", "2.0", B) + named)


def test_extras_bring_what_they_need():
    """Those of a dependency where they are asked for, once; all of the project, and its groups."""
    optional = f"[package.optional-dependencies]\nx = [{on('click', _Y)}]\n"
    text = package("demo", "1", A, more=optional)
    text += package("click", "8", B, more=f"[package.optional-dependencies]\ny = [{on('demo', _X)}]\n")
    text += package("idna", "3", C, more=f"[package.optional-dependencies]\nz = [{on('six')}]\n")
    text += package("six", "1", C)
    more = f"[package.optional-dependencies]\na = [{on('demo', _X)}]\n"
    more += f"[package.dev-dependencies]\ndev = [{on('idna')}]\n"
    assert ["click", "demo", "idna"] == [pin.name for pin in pins(text + project(more=more))]


@pytest.mark.parametrize(
    "manifest",
    [
        'requirements = [{ name = "demo", extras = ["x"], specifier = "<3" }]',
        '[manifest.dependency-groups]\ndev = [{ name = "demo" }, { name = "six" }]',
        'members = ["a"]',
    ],
)
def test_scripts_and_workspaces_are_locked_without_one_project(manifest):
    """What they ask for stands in the manifest, or in several projects."""
    member = package("a", "0", source='{ editable = "a" }', needs=[on("demo"), on("six")])
    text = member + package("demo", "1", A, more=f"[package.optional-dependencies]\nx = [{on('six')}]\n")
    text += package("six", "1.17.0", B)
    text = f"\n[manifest]\n{manifest}\n{text}"
    assert [Pin("demo", "1", (A,)), Pin("six", "1.17.0", (B,))] == pins(text)


def test_own_projects_are_named():
    """The project that was locked and the members of a workspace, and nothing of an index."""
    member = package("shop-api", "0", source='{ editable = "api" }', needs=[on("demo")])
    text = f'\n[manifest]\nmembers = ["shop-api"]\n{member}{package("demo", "1", A)}'
    assert ["shop-api"] == own_projects(_HEAD + text)
    assert ["shop"] == own_projects(_HEAD + package("demo", "1", A) + project(on("demo")))


def test_each_that_no_index_has_is_named():
    """A package of version control, a folder or a URL has no file that is fetched by its hash."""
    text = package("one", "1.0", source='{ git = "https://git.example/one?rev=1#2" }')
    text += package("two", "1.0", source='{ directory = "two" }') + package("six", "1.17.0", A)
    text += package("three", "1.0", source='{ editable = "three" }')
    text += package("four", "1.0", B, source='{ url = "https://files.example/four.whl", subdirectory = "x" }')
    text += project(*map(on, ("one", "two", "three", "four", "six")))
    with pytest.raises(ModelkilnError) as caught:
        pins(text)
    message = str(caught.value)
    assert message.startswith("uv.lock: one comes from git (https://git.example/one?rev=1#2), and only files of an")
    for words in ("two comes from directory (two)", "three comes from editable", "four comes from url"):
        assert f"{words}" in message
    assert "six" not in message and "publish a wheel of it, depend on that, and lock again" in message


@pytest.mark.parametrize("requires", [">=3.12", ">=3.9, <3.11", "==3.10.*"])
def test_a_lock_of_other_pythons_is_refused(requires):
    """Its versions were chosen for others."""
    head = _HEAD.replace(">=3.11", requires)
    with pytest.raises(ModelkilnError, match=r"^uv\.lock: is locked for Python .*, which 3\.11 is not: .*lock again"):
        read_lock(head + package("demo", "1.0", A) + project(on("demo")), "uv.lock", ENVIRONMENT)


@pytest.mark.parametrize("requires", [">=3.11.4", "==3.11.*, !=3.11.3", "~=3.11"])
def test_a_lock_of_some_patch_releases_serves(requires):
    """Which of them runs is not known when a package is made."""
    head = _HEAD.replace(">=3.11", requires)
    found = read_lock(head + package("demo", "1.0", A) + project(on("demo")), "uv.lock", ENVIRONMENT)
    assert [Pin("demo", "1.0", (A,))] == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_HEAD + package("demo", "1.0") + project(on("demo")), r"demo 1\.0 has no sha256 of any file"),
        (_HEAD.replace("1", "2", 1) + package("demo", "1.0", A), "version 2, where 1 is known.*Lock again"),
        (_HEAD + package("demo", "1.0", A), "no project that was locked.*uv export"),
        (_HEAD + "[[package]]\n", "cannot be read as one"),
        ("version = 1\n[[package]]\nname = ", "cannot be read as one"),
        ("[[package]]\nname = 'demo'\n", "cannot be read as one"),
        (_HEAD + 'conflicts = [[{ package = "shop", extra = "a" }]]\n' + project(), "exclude each other.*uv export"),
        (_HEAD + package("demo", "1.0", A) + project(on("demo", ", marker = 'what'")), "cannot be read as one"),
    ],
)
def test_what_pins_nothing_is_refused(text, message):
    """The lock, what is wrong and the remedy are named, in one line."""
    with pytest.raises(ModelkilnError, match=rf"^uv\.lock: .*{message}") as caught:
        read_lock(text, "uv.lock", ENVIRONMENT)
    assert "\n" not in str(caught.value)
