"""What tests of the registry's client share."""

import base64
import json
from contextlib import ExitStack

import pytest
from loopback.answering import answering

from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.registry import client as client_module
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_image


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Nobody waits for a server that is made to fail."""
    monkeypatch.setattr(client_module, "_WAITS", (0.02, 0.05, 0.1, 0.3))


@pytest.fixture
def serve():
    """Starts servers whose answers a test gives."""
    with ExitStack() as stack:
        yield lambda answer=None: stack.enter_context(answering(answer))


@pytest.fixture
def login(tmp_path):
    """Writes docker's file with logins ({key: "user:password"}); returns the environment that names it."""

    def write(logins):
        auths = {key: {"auth": base64.b64encode(text.encode()).decode()} for key, text in logins.items()}
        (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
        return {"DOCKER_CONFIG": str(tmp_path)}

    return write


@pytest.fixture
def client_of(tmp_path):
    """Returns a client of the repository `x` of a registry without TLS, with an empty home."""

    def make(host, name="x", report=print, **env):
        env = {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path), INSECURE_REGISTRIES: host, **env}
        return RegistryClient(parse_image(f"{host}/{name}:1"), env, report)

    return make
