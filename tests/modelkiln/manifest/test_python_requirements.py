"""Requirements files: what they include, what no lock can pin, and whether a lock is theirs."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.requirements import check_fresh, check_requirements, included_files
from modelkiln.wheels.platforms import Target

ENVIRONMENT = Target("3.11", "linux/amd64", "2.36").marker_environment()


def test_included_files_are_found():
    """Paths are relative to the file that includes them."""
    text = "-r base.in\n-c ../shared/test.txt  # pins\n--constraint=c.txt\n--requirement d.txt\nnumpy\n-rx.in\n"
    expected = ["a/base.in", "shared/test.txt", "a/c.txt", "a/d.txt", "a/x.in"]
    assert expected == included_files(text, "a/cpu.in")


def test_a_url_is_not_included():
    """Its content would not be pinned."""
    with pytest.raises(ModelkilnError, match=r"a\.in: '-r https://registry.example.com/a.txt' includes a URL"):
        included_files("-r https://registry.example.com/a.txt\n", "a.in")


@pytest.mark.parametrize("line", ["-e .", "--editable=../lib", "-e git+https://registry.example.com/x#egg=x"])
def test_editable_requirements_are_refused(line):
    """They have no version and no hash."""
    with pytest.raises(ModelkilnError, match=r"^a\.in: .* is editable, so it has no hash"):
        check_requirements(f"numpy\n{line}\n", "a.in")


@pytest.mark.parametrize(
    "line",
    [
        "x @ https://registry.example.com/x-1.0-py3-none-any.whl",
        "git+https://registry.example.com/x",
        "./wheels/x-1.0-py3-none-any.whl",
        "../lib",
        "x-1.0-py3-none-any.whl",
    ],
)
def test_files_folders_and_urls_are_refused(line):
    """A lock pins released versions."""
    with pytest.raises(ModelkilnError, match="is a file, a folder or a URL.*resolve_indexes"):
        check_requirements(f"{line}\n", "a.in")


def test_ordinary_requirements_are_taken():
    """Names, specifiers, extras, markers, options and comments."""
    check_requirements("# @ me\nnumpy>=2\nx[all]==1.0; python_version >= '3.9'\n-c test.txt\n--pre\n", "a.in")


def _resolved(**versions):
    return {"lock": "cpu.txt", "wheels": [{"name": name, "version": version} for name, version in versions.items()]}


def test_a_lock_of_its_requirements_is_fresh():
    """Markers are those of the target; a pre-release that is pinned was wanted."""
    wanted = ["NumPy>=2", 'pywin32; sys_platform == "win32"', "torch==2.9.0", "x>=1.0rc1"]
    check_fresh(_resolved(numpy="2.4.6", torch="2.9.0+cu126", x="1.0rc2"), wanted, ENVIRONMENT, "lock it")


def test_projects_of_the_repository_are_in_no_lock():
    """A pyproject.toml asks for members of its workspace by name, whose code comes by its imports."""
    resolved = {**_resolved(numpy="2.4.6"), "own": ["shop-api"]}
    check_fresh(resolved, ["numpy", "Shop_API[fast]>=1"], ENVIRONMENT, "uv lock")
    with pytest.raises(ModelkilnError, match="stale: scipy is not in it. Lock it again: uv lock"):
        check_fresh(resolved, ["shop-api", "scipy"], ENVIRONMENT, "uv lock")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["scipy"], "scipy is not in it"),
        (["numpy>=3"], "numpy>=3 is wanted, and it has 2.4.6"),
        ([f"p{number}" for number in range(7)], "p4 is not in it and 2 more"),
    ],
)
def test_a_lock_of_other_requirements_is_stale(wanted, message):
    """What is wanted, what the lock has and the remedy are named."""
    with pytest.raises(ModelkilnError, match=f"^the lock cpu.txt is stale: .*{message}. Lock it again: pants lock x.$"):
        check_fresh(_resolved(numpy="2.4.6"), wanted, ENVIRONMENT, "pants lock x")
