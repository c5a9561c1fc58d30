"""Which targets the goal `publish` takes, and what is said of those that go nowhere."""

import logging

import pytest
from pants.engine.addresses import Address

from pants_modelkiln.goals.publish import PublishModelFieldSet
from pants_modelkiln.target_types.index import ModelIndexTarget
from pants_modelkiln.target_types.package import ModelPackageTarget

ADDRESS = Address("rain", target_name="rain")


@pytest.fixture(autouse=True)
def _level(caplog):
    caplog.set_level(logging.INFO)


def _package(**fields):
    return ModelPackageTarget({"entry_point": "rain.forecast:predict", **fields}, ADDRESS)


def test_a_package_with_repositories_is_published(caplog):
    """Without a word."""
    assert PublishModelFieldSet.is_applicable(_package(repositories=["registry.example.com/rain"]))
    assert [] == caplog.messages


@pytest.mark.parametrize("fields", [{"wheel_indexes": ["https://index.example.com/"]}, {"skip_publish": True}])
def test_a_package_that_goes_elsewhere_or_nowhere_by_intention_is_left_out(caplog, fields):
    """Without a word, too."""
    assert not PublishModelFieldSet.is_applicable(_package(**fields))
    assert [] == caplog.messages


def test_a_package_that_goes_nowhere_is_named(caplog):
    """With the fields that would say where, and none of those that its kind lacks."""
    assert not PublishModelFieldSet.is_applicable(_package())
    index = ModelIndexTarget({"packages": [":rain"]}, Address("rain", target_name="all"))
    assert not PublishModelFieldSet.is_applicable(index)
    package, of_index = caplog.messages
    assert "rain:rain: is not published: it has neither `repositories` nor `wheel_indexes`." in package
    assert "rain:all: is not published: it has no `repositories`. Name a repository in `repositories`." == of_index
