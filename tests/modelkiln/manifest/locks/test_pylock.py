"""Locks in the form that tools share, PEP 751."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin, read_lock
from modelkiln.manifest.locks.pylock import is_pylock, pylock_command
from modelkiln.wheels.platforms import Target

TARGET = Target("3.11", "linux/amd64", "2.36")
A, B, C = "a" * 64, "b" * 64, "c" * 64
_HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\n'


def package(name, version, *hashes, more=""):
    """Return a table of a package: an sdist with the first hash, wheels with the others."""
    at = "https://elsewhere.example"
    files = [f'url = "{at}/{name}-{version}.tar.gz", hashes = {{ sha256 = "{value}" }}' for value in hashes[:1]]
    wheels = [
        f'{{ url = "{at}/{name}-{version}-{index}-py3-none-any.whl", hashes = {{ sha256 = "{value}" }} }}'
        for index, value in enumerate(hashes[1:])
    ]
    lines = [f'name = "{name}"', f'version = "{version}"']
    lines += [f"sdist = {{ {files[0]} }}"] if files else []
    lines += [f"wheels = [{', '.join(wheels)}]"] if wheels else []
    return "\n[[packages]]\n" + "\n".join(lines) + f"\n{more}"


def direct(name, place):
    """Return a table of a package that comes from no index."""
    return f'\n[[packages]]\nname = "{name}"\nversion = "1.0"\n{place}\n'


def pins(text, head=_HEAD, target=TARGET):
    """Return the pins of a lock."""
    return read_lock(head + text, "pylock.toml", target.marker_environment())


def test_sdist_and_wheels_of_each_package_serve():
    """By their hashes; nothing of their addresses is in what is fetched by."""
    text = package("demo", "1.0", B, A) + package("six", "1.17.0", C)
    found = pins(text)
    assert [Pin("demo", "1.0", (A, B)), Pin("six", "1.17.0", (C,))] == found
    assert not any("elsewhere" in pin.line() for pin in found)


def test_it_pins_what_a_list_with_hashes_pins():
    """So that one lock may take the other's place and nothing changes."""
    listed = f"demo==1.0 --hash=sha256:{B} --hash=sha256:{A}\n"
    assert read_lock(listed, "cpu.txt", TARGET.marker_environment()) == pins(package("demo", "1.0", B, A))


def test_what_pip_writes_is_read():
    """Each file in a table of its own, and for one Python and platform alone."""
    text = (
        '[[packages]]\nname = "demo"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "demo-1.0-py3-none-any.whl"\n'
        f'url = "https://elsewhere.example/demo-1.0-py3-none-any.whl"\n\n[packages.wheels.hashes]\nsha256 = "{A}"\n'
    )
    assert [Pin("demo", "1.0", (A,))] == pins(text, _HEAD.replace("uv", "pip"))


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("sys_platform == 'win32'", False),
        ("python_version >= '3.11'", True),
        ("python_full_version < '3.11.4'", True),  # For some patch releases, and which one runs is not known.
        ("python_full_version < '3.11'", False),
        ("'cli' in extras", True),
        ("'other' in extras", False),
        ("'dev' in dependency_groups and platform_machine == 'x86_64'", True),
        ("'main' in dependency_groups", True),
    ],
)
def test_markers_decide_with_all_extras_and_groups(marker, holds):
    """Of the lock; those that it does not declare are none."""
    head = _HEAD + 'extras = ["cli"]\ndependency-groups = ["dev"]\ndefault-groups = ["main"]\n'
    text = package("demo", "1.0", A, more=f'marker = "{marker}"\n') + package("six", "1", B)
    assert (["demo"] if holds else []) + ["six"] == [pin.name for pin in pins(text, head)]


def test_a_known_patch_release_decides():
    """As that of an image's Python is."""
    text = package("demo", "1.0", A, more="marker = \"python_full_version < '3.11.4'\"\n") + package("six", "1", B)
    names = [
        [pin.name for pin in pins(text, target=Target("3.11", "linux/amd64", "2.36", (release,)))]
        for release in ("3.11.2", "3.11.9")
    ]
    assert [["demo", "six"], ["six"]] == names


@pytest.mark.parametrize("folder", ['path = "."', 'path = ".", editable = true', 'path = "libs/shop", editable = true'])
def test_projects_of_the_repository_are_passed_over(folder):
    """As `-e .` is in a list: they have no file, and what is imported of them is code of the repository."""
    own = f'\n[[packages]]\nname = "shop"\ndirectory = {{ {folder} }}\n'
    assert [Pin("demo", "1.0", (A,))] == pins(own + package("demo", "1.0", A))


def test_each_that_no_index_has_is_named():
    """A package of version control, a folder or an archive; one that the target does not need is not."""
    text = direct("one", 'vcs = { type = "git", url = "https://git.example/one", commit-id = "1f" }')
    text += direct("two", 'directory = { path = "../two" }')
    text += direct("three", f'archive = {{ url = "https://files.example/three.zip", hashes = {{ sha256 = "{A}" }} }}')
    text += direct("four", 'directory = { path = "four" }\nmarker = "sys_platform == \'win32\'"')
    with pytest.raises(ModelkilnError) as caught:
        pins(text + package("six", "1.17.0", A))
    message = str(caught.value)
    assert message.startswith("pylock.toml: one comes from git (https://git.example/one), and only files of an index")
    assert "two comes from a folder (../two)" in message
    assert "three comes from an archive (https://files.example/three.zip)" in message
    assert "four" not in message and "six" not in message
    assert message.endswith("Write it again with `uv export --format pylock.toml`.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            _HEAD + package("demo", "1.0", A) + package("demo", "2.0", B),
            "demo is in it twice for Python 3.11, 1.0 and 2.0",
        ),
        (
            _HEAD + package("demo", "1.0", A) + package("demo", "1.0", B),
            "demo is in it twice for Python 3.11, 1.0 and 1.0",
        ),
        (_HEAD.replace("1.0", "2.0") + package("demo", "1.0", A), "lock-version '2.0', where 1.0 is known"),
        (_HEAD.replace("1.0", "1.1") + package("demo", "1.0", A), "lock-version '1.1', where 1.0 is known"),
        (
            _HEAD + 'requires-python = ">=3.12"\n' + package("demo", "1.0", A),
            "is locked for Python >=3.12, which 3.11 is",
        ),
        (
            _HEAD + "environments = [\"sys_platform == 'darwin'\"]\n" + package("demo", "1.0", A),
            'is locked for other environments than this one of Python 3.11: sys_platform == "darwin"',
        ),
        (
            _HEAD + package("demo", "1.0", A, more='requires-python = ">=3.13"\n'),
            "demo 1.0 is for Python >=3.13, which 3.11 is not",
        ),
        (_HEAD + package("demo", "1.0", A).replace("sha256", "sha1"), "demo 1.0 has no sha256 of any file"),
        (_HEAD + package("demo", "1.0", A).replace('version = "1.0"\n', ""), "demo has no version"),
        (_HEAD + "\n[[packages]]\nname = 'demo'\n", "cannot be read as a pylock.toml"),
        (_HEAD + package("demo", "1.0", A, more="marker = 'what'\n"), "cannot be read as a pylock.toml"),
        (_HEAD + package("demo", "1.0", A) + "[[packages", "cannot be read as a pylock.toml"),
        ('lock-version = "1.0"\n' + package("demo", "1.0", A), "cannot be read as a pylock.toml.*created-by"),
    ],
)
def test_what_does_not_serve_is_refused(text, message):
    """The lock, what is wrong and the tool's own remedy are named, in one line."""
    with pytest.raises(ModelkilnError, match=rf"^pylock\.toml: .*{message}.*Write it again with `") as caught:
        read_lock(text, "pylock.toml", TARGET.marker_environment())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("maker", "command"),
    [("pip", "pip lock"), ("uv", "uv export --format pylock.toml"), ("hatch", "hatch")],
)
def test_the_tool_that_wrote_it_is_the_remedy(maker, command):
    """By the name that it gives itself, also where that is not known here."""
    assert command == pylock_command(f"lock-version = '1.0'\ncreated-by = '{maker}'\n")


def test_other_locks_are_not_taken_for_one():
    """Lists of requirements, and the locks of uv and Pex."""
    assert is_pylock(_HEAD)
    assert not any(map(is_pylock, ("demo==1.0\n", "version = 1\n[[package]]\n", '{"lock-version": 1}')))
