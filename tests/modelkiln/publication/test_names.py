"""Repositories and tags as targets write them."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.publication.names import check_version, expand, read_stamps, record_values
from modelkiln.registry.reference import check_tag, parse_repository


def test_placeholders_take_values_of_record_and_stamps():
    """A tag is put together from the record, from options and from the environment."""
    record = {
        "name": "digits",
        "version": "1.2.0",
        "package_digest": "sha256:" + "ab" * 32,
        "variant": {"accelerator": "cuda12", "platform": "linux/amd64"},
    }
    values = {**record_values(record), **read_stamps(["git_sha=0a1b", "CI_JOB", "UNSET"], {"CI_JOB": "7"}, "x")}
    template = "{version}-{variant}-{platform}-{digest}-{git_sha}-{CI_JOB}"
    assert "1.2.0-cuda12-linux-amd64-abababababab-0a1b-7" == expand(template, values, "x")


@pytest.mark.parametrize("template", ["{unset}", "{version", "{version!r}", "{version:>9}", "{}", "{0}"])
def test_a_placeholder_without_a_value_is_refused(template):
    """The target and the template are named."""
    with pytest.raises(ModelkilnError, match=r"models:digits: '\{"):
        expand(template, {"version": "1"}, "models:digits")


@pytest.mark.parametrize("tag", ["", ".x", "-x", "a b", "a/b", "a:b", "x" * 129, "é"])
def test_what_is_no_tag_is_refused(tag):
    """Registries' grammar of tags is kept to."""
    with pytest.raises(ModelkilnError, match=r"models:digits.*is not a tag"):
        check_tag(tag, "models:digits")


@pytest.mark.parametrize(
    "text", ["digits", "team/digits", "registry.example.com/Digits", "registry.example.com/a:1", "https://a.b/c", ""]
)
def test_what_is_no_repository_is_refused(text):
    """The error says so to the publisher."""
    with pytest.raises(ModelkilnError, match=r"^models:digits: "):
        parse_repository(text, "models:digits")


@pytest.mark.parametrize("version", ["1.2.0", "0.0.0", "2024-01", "v1_rc1", "1!2.0", "1.0+cu126"])
def test_versions_of_all_kinds_are_taken(version):
    """A package that goes into no registry, or under other tags, may have what no tag may."""
    check_version(version, (), "x")
    check_version(version, ["{digest}", "latest"], "x")


@pytest.mark.parametrize(
    ("version", "like"), [("1 beta", "1-beta"), ("", "1.0"), ("-1", "1"), ("a/b", "a-b"), ("1\n", "1"), ("ü", "1.0")]
)
def test_a_version_that_nothing_can_be_called_is_refused(version, like):
    """The target, the value and one that is near it are named."""
    with pytest.raises(ModelkilnError) as caught:
        check_version(version, (), "rain:rain")
    assert str(caught.value).startswith(f"rain:rain: version {version!r} cannot be part of a tag")
    assert f"as {like!r} does" in str(caught.value)


def test_a_version_that_its_tag_cannot_hold_is_refused():
    """Other placeholders do not matter."""
    message = (
        "rain: version '1.0.cu126' cannot be published as the tag '{version}-{git_sha}'.*Write '1.0-cu126', or other"
    )
    with pytest.raises(ModelkilnError, match=message):
        check_version("1.0+cu126", ["latest", "{version}-{git_sha}"], "rain")
    check_version("1.0", ["{version}-{git_sha}"], "rain")
