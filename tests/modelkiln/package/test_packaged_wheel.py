"""What the wheel of a model is called and requires."""

import pytest
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from properties import given

from modelkiln.errors import ModelkilnError
from modelkiln.package.imports import imports_of_pickles
from modelkiln.package.model_wheel import (
    check_code,
    check_distribution,
    check_import_name,
    check_version,
    distribution_of,
    import_name_of,
    requires_dist,
    requires_python,
    wheel_filename,
)

LOCKED = [
    {"name": "numpy", "version": "2.4.6"},
    {"name": "torch", "version": "2.13.0+cpu"},
    {"name": "typing-extensions", "version": "4.16.0"},
]


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("numpy", "numpy>=2.4.6"),
        ("numpy>=1.20,<3,!=2.1.0", "numpy!=2.1.0,<3,>=2.4.6"),
        ("numpy>2", "numpy>=2.4.6"),
        ("numpy~=2.1", "numpy>=2.4.6,~=2.1"),
        ("numpy==2.*", "numpy==2.*,>=2.4.6"),
        ("numpy==2.4.6", "numpy==2.4.6"),
        ("numpy===2.4.6", "numpy===2.4.6"),
        ("torch", "torch>=2.13.0"),
        ("torch==2.13.0+cpu", "torch==2.13.0+cpu"),
        ("typing_extensions[b,a]>=4", "typing_extensions[a,b]>=4.16.0"),
        ("numpy<3; python_version < '3.12'", 'numpy<3,>=2.4.6; python_version < "3.12"'),
        ("colorama>=0.4; sys_platform == 'win32'", 'colorama>=0.4; sys_platform == "win32"'),
    ],
)
def test_what_is_declared_is_required_at_least_as_locked(declared, expected):
    """An upper bound stays, a pin stays alone, and what the lock lacks stays as it is."""
    assert expected in requires_dist("declared", [declared], LOCKED)


def test_numpy_is_always_required():
    """Every model takes and returns its arrays."""
    assert ["numpy>=2.4.6", "torch>=2.13.0"] == requires_dist("declared", ["torch"], LOCKED)
    assert ["numpy==2.4.6"] == requires_dist("declared", ["numpy==2.4.6"], LOCKED)


def test_exact_is_the_whole_lock_and_none_is_nothing():
    """Of a closure that was tested as a whole, and of an application that decides itself."""
    assert ["numpy==2.4.6", "torch==2.13.0+cpu", "typing-extensions==4.16.0"] == requires_dist("exact", [], LOCKED)
    assert [] == requires_dist("none", ["numpy"], LOCKED)
    assert ("==3.11.*", ">=3.11", ">=3.11") == tuple(
        requires_python(mode, "3.11") for mode in ("exact", "declared", "none")
    )


@given(st.lists(st.sampled_from([">=1", ">2.0", "<3", "<=2.4.6", "!=2.2", "~=2.0", "==2.*", "==2.4.6"]), max_size=4))
def test_the_locked_version_is_always_allowed(specifiers):
    """Whatever is declared that allows it, and nothing below it is."""
    (text,) = requires_dist("declared", [f"numpy{','.join(specifiers)}"], LOCKED[:1])
    assert Requirement(text).specifier.contains("2.4.6")
    assert not Requirement(text).specifier.contains("2.4.5")


@pytest.mark.parametrize("name", ["", "-x", "x-", "a b", "mödel", "a/b", "json", "Collections.ABC", "a\nb"])
def test_names_that_indexes_refuse_are_refused(name):
    """By the core metadata's rule, and names of Python's own modules by PyPI's."""
    if name == "Collections.ABC":
        check_distribution(name, "m:m")  # Not a module's whole name.
        return
    with pytest.raises(ModelkilnError, match=r"(?s)m:m: distribution .*Set the field `distribution`"):
        check_distribution(name, "m:m")


@pytest.mark.parametrize("name", ["acme-fraud", "2fast", "class", "a..b", "json", "json.fraud", "numpy", "numpy.x"])
def test_import_names_that_cannot_be_are_refused(name):
    """What is not an identifier, and what Python or a dependency has."""
    with pytest.raises(ModelkilnError, match=r"m:m: import name .*Set the field `import_name`"):
        check_import_name(name, "m:m", ["numpy", "google.cloud"])


def test_a_part_of_a_namespace_is_an_import_name():
    """As long as it is not one of a dependency."""
    check_import_name("google.fraud", "m:m", ["google.cloud"])
    for name in ("google", "google.cloud", "google.cloud.fraud"):
        with pytest.raises(ModelkilnError, match=r"has the module google\.cloud"):
            check_import_name(name, "m:m", ["google.cloud"])


@pytest.mark.parametrize(
    ("version", "expected"), [("1.2.0", "1.2.0"), ("1.0-rc1", "1.0rc1"), ("v1+Build.5", "1+build.5")]
)
def test_versions_have_one_form(version, expected):
    """That of PEP 440."""
    assert expected == check_version(version, "m:m")


@pytest.mark.parametrize("version", ["", "latest", "2024-beta x", "1.2.0-gabcdef0", "1..2"])
def test_other_versions_are_refused(version):
    """The message has the value and says what to write."""
    with pytest.raises(ModelkilnError, match=r"m:m: version .*PEP 440 .*`version`"):
        check_version(version, "m:m")


@pytest.mark.parametrize("path", ["models/fast.cpython-311-x86_64-linux-gnu.so", "libx.so.1.2", "models/fast.pyd"])
def test_native_code_is_refused(path):
    """One file serves all platforms; names that only look so pass."""
    check_code("m:m", ["models/also.py", "models/words.sort", "models/x.solution.json"], [])
    with pytest.raises(ModelkilnError, match=rf"m:m: the code has a native library, {path}"):
        check_code("m:m", ["models/also.py", path], [])


@pytest.mark.parametrize("name", ["models.scaling.Scaler", "models.scaling:Scaler.Inner", "models.scaling"])
def test_pickles_of_own_classes_are_refused(name):
    """Python's unpickler knows nothing of names that are a model's own; those of dependencies pass."""
    paths = ["models/__init__.py", "models/scaling.py"]
    check_code("m:m", paths, imports_of_pickles(["sklearn.svm.SVC", "numpy:ndarray", "modelsx.scaling.X"], "w"))
    with pytest.raises(ModelkilnError, match=r"m:m: `allow_pickle` of m:w has models\.scaling.* which is code of"):
        check_code("m:m", paths, imports_of_pickles([name], "`allow_pickle` of m:w"))


def test_each_variant_has_a_name_of_its_own():
    """An index takes one file of a version."""
    assert "fraud" == distribution_of("", "fraud", "cpu")
    assert "fraud-cuda12" == distribution_of("", "fraud", "cuda12")
    assert "fraud-cuda12-py313" == distribution_of("", "fraud", "cuda12", ["py313"])
    assert "acme-fraud-cuda12" == distribution_of("acme-fraud-{variant}", "fraud", "cuda12")
    assert "acme_fraud" == import_name_of("", "Acme.-Fraud")
    assert "acme.fraud" == import_name_of("acme.fraud", "x")


@given(
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True),
    st.sampled_from(["1.0", "2!1.0+a.b"]),
)
def test_file_names_are_read_as_they_are_meant(name, version):
    """By PyPA's own parser."""
    parsed = parse_wheel_filename(wheel_filename({"distribution": name, "version": version}))
    assert Version(version) == parsed[1]
