"""What names the base of an image: the address of a target, and nothing that only reads like one."""

import re

import pytest
from pants.core.target_types import GenericTarget
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_modelkiln.inputs.base_image import NamedBase, NamedBaseRequest, find_named_base
from pants_modelkiln.target_types.package import ModelBaseImageField

ADDRESS = Address("apps/rain", target_name="rain")


@pytest.fixture
def runner():
    """Return an engine with targets in the root, in a folder, next to the package and below it."""
    rule = getattr(find_named_base, "rule", None)
    runner = RuleRunner(
        rules=[rule or find_named_base, QueryRule(NamedBase, [NamedBaseRequest])], target_types=[GenericTarget]
    )
    build = "target(name='base')\n"
    runner.write_files({path: build for path in ("BUILD", "images/BUILD", "apps/rain/BUILD", "apps/rain/own/BUILD")})
    return runner


def find(runner, text):
    """Return the address that the field of a package names."""
    named = ModelBaseImageField(text, ADDRESS).to_unparsed_address_inputs()
    return runner.request(NamedBase, [NamedBaseRequest(ADDRESS, named)]).address.spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("//:base", "//:base"),
        ("//images:base", "images:base"),
        ("images:base", "images:base"),
        (":base", "apps/rain:base"),
        ("./own:base", "apps/rain/own:base"),
    ],
)
def test_addresses_are_resolved(runner, text, expected):
    """Those that start in the root, and those that start at the package."""
    assert expected == find(runner, text)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("python:3.11", "python"),
        ("python:3.11-slim-bookworm", "python"),
        ("registry.example.com/team/python:3.11", "registry.example.com/team/python"),
        (f"python@sha256:{'a' * 64}", "python"),
        ("./images:base", "apps/rain/images"),
    ],
)
def test_references_of_images_are_refused(runner, text, folder):
    """The value, the folder that it would need and what to write instead are named."""
    message = f"apps/rain:rain: .*`base_image` .*is '{text}', which is not .* no folder '{folder}'.*oci_base_image.name"
    with pytest.raises(ExecutionError, match=message):
        find(runner, text)


def test_an_option_is_named_as_such(runner):
    """It has the same form."""
    named = UnparsedAddressInputs(
        ["python:3.11"], owning_address=None, description_of_origin="the option `[modelkiln].base_image`"
    )
    message = re.escape("apps/rain:rain: the option `[modelkiln].base_image` is 'python:3.11', which")
    with pytest.raises(ExecutionError, match=message):
        runner.request(NamedBase, [NamedBaseRequest(ADDRESS, named)])
