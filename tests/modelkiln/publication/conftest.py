"""What tests of registries share."""

import pytest
from loopback.registries import registry
from other_tools import Tools
from samples.indexed import IndexedPackage
from samples.published import Package

from modelkiln.registry import client as client_module


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Nobody waits for a server that is made to fail."""
    monkeypatch.setattr(client_module, "_WAITS", (0.02, 0.05, 0.1, 0.3))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package that tests don't change."""
    return Package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A docker-registry without TLS."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, host):
    """Two images under one index, published with their record as team/digits:1.2.0."""
    made = IndexedPackage(tmp_path_factory.mktemp("indexed"))
    made.publish(host)
    return made


@pytest.fixture
def tools(host, tmp_path):
    """Programs that copy."""
    return Tools(host, tmp_path)
