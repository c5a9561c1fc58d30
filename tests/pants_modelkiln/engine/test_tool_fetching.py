"""From where the engine's own PEX takes its wheels."""

import asyncio
from inspect import unwrap

import pytest
from pants.backend.python.subsystems.repos import PythonRepos
from pants.engine.env_vars import CompleteEnvironmentVars

from modelkiln.errors import ModelkilnError
from pants_modelkiln.engine.tool_fetching import ToolFetchingRequest, _settings, find_fetching

INDEX = "https://user:secret@index.example/simple"


def fetching(tmp_path, indexes=(PythonRepos.pypi_index,), **env):
    """Return the ToolFetching of a machine whose files of pip lie in `tmp_path`."""
    machine = {**env, "HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PATH": "/usr/bin", "PIP_CERT": ""}
    return _fetching(machine, indexes)


def _fetching(machine, indexes=(PythonRepos.pypi_index,)):
    # The function itself: the rule asks the engine for nothing.
    return asyncio.run(unwrap(find_fetching)(ToolFetchingRequest(indexes), CompleteEnvironmentVars(machine)))


def test_the_machines_index_takes_the_place_of_the_default(tmp_path):
    """It and what comes with it stand in a file: a command line would show its password."""
    found = fetching(tmp_path, PIP_INDEX_URL=INDEX, PIP_TRUSTED_HOST="a b", PIP_FIND_LINKS="/w")
    assert found.lines.splitlines()[0] == f"--index-url {INDEX}"
    assert {"--trusted-host a", "--trusted-host b", "--find-links /w"} <= set(found.lines.splitlines())
    assert not [word for word in found.args if "secret" in word]


def test_an_index_that_pants_is_given_stands(tmp_path):
    """Options of the monorepo say more than the machine."""
    found = fetching(tmp_path, ("https://own.example/simple",), PIP_INDEX_URL=INDEX)
    assert INDEX not in found.lines


def test_settings_that_choose_are_left_out(tmp_path):
    """Of files and variables alike; the lock decides."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text("[global]\nconstraint = /caps.txt\nno-binary = :all:\ntimeout = 7\n")
    found = fetching(tmp_path, PIP_CONSTRAINT="/caps.txt", PIP_USER="1", PIP_RETRIES="9")
    assert "caps" not in found.lines and "binary" not in found.lines
    assert ("--retries", "9", "--timeout", "7") == found.args
    assert not [name for name in found.env if name.startswith("PIP_")]


def test_a_proxy_of_pips_stands_over_that_of_the_machine(tmp_path):
    """Where pip has none, the variables of the machine go on as they are."""
    proxies = {"https_proxy": "http://a:1", "NO_PROXY": "x"}
    assert proxies.items() <= fetching(tmp_path, **proxies).env.items()
    found = fetching(tmp_path, PIP_PROXY="http://b:2", **proxies).env
    assert ("http://b:2", "http://b:2", "x") == (found["http_proxy"], found["https_proxy"], found["NO_PROXY"])


def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path):
    """It may say where to fetch from."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text("no section\n")
    with pytest.raises(ModelkilnError, match="pip's configuration cannot be read"):
        fetching(tmp_path)


def test_pip_is_asked_again_where_something_changed(tmp_path):
    """Its settings are read once; an edited file or another variable is seen at once."""
    before = _settings.cache_info()
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text("[global]\ntimeout = 7\n")
    assert ("--timeout", "7") == fetching(tmp_path).args[-2:]
    assert ("--timeout", "7") == fetching(tmp_path, UNRELATED="1").args[-2:]
    after = _settings.cache_info()
    assert (1, 1) == (after.misses - before.misses, after.hits - before.hits)
    # Pants hands the environment on in another order with each command.
    machine = {"PIP_CERT": "", "PATH": "/usr/bin", "XDG_CONFIG_DIRS": str(tmp_path), "HOME": str(tmp_path)}
    assert ("--timeout", "7") == _fetching(machine).args[-2:]
    assert after.misses == _settings.cache_info().misses
    (tmp_path / "pip/pip.conf").write_text("[global]\ntimeout = 70\n")
    assert ("--timeout", "70") == fetching(tmp_path).args[-2:]
    assert ("--timeout", "8") == fetching(tmp_path, PIP_TIMEOUT="8").args[-2:]
