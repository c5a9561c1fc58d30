"""Repositories and tags as targets write them."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.publication.names import expand, read_stamps, record_values
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
