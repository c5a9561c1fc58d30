"""From where the engine's tool takes its wheels."""

import asyncio
from inspect import unwrap

import pytest
from pants.backend.python.subsystems.repos import PythonRepos
from pants.engine.env_vars import CompleteEnvironmentVars

from modelkiln.errors import ModelkilnError
from pants_modelkiln.engine.tool_fetching import ToolFetchingRequest, _settings, find_fetching

INDEX = "https://user:secret@index.example/simple"


def fetching(tmp_path, indexes=(PythonRepos.pypi_index,), find_links=(), ca_certs_path=None, **env):
    """Return the ToolFetching of a machine whose files of pip lie in `tmp_path`."""
    machine = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PATH": "/usr/bin", "PIP_CERT": "", **env}
    return _fetching(machine, ToolFetchingRequest(indexes, find_links, ca_certs_path))


def _fetching(machine, request):
    # The function itself: the rule asks the engine for nothing.
    return asyncio.run(unwrap(find_fetching)(request, CompleteEnvironmentVars(machine)))


def test_the_machines_index_takes_the_place_of_the_default(tmp_path):
    """It and what comes with it, as variables: a command line would show its password."""
    found = fetching(tmp_path, PIP_INDEX_URL=INDEX, PIP_TRUSTED_HOST="a b", PIP_FIND_LINKS="/w").env
    assert (INDEX, "a b", "/w") == (found["PIP_INDEX_URL"], found["PIP_TRUSTED_HOST"], found["PIP_FIND_LINKS"])
    assert PythonRepos.pypi_index not in found.values()


def test_an_index_that_pants_is_given_stands(tmp_path):
    """Options of the monorepo say more than the machine, whose other places come after theirs."""
    indexes = ("https://own.example/simple", "https://b.example/simple")
    env = {"PIP_INDEX_URL": INDEX, "PIP_EXTRA_INDEX_URL": "https://c.example", "PIP_FIND_LINKS": "/w"}
    found = fetching(tmp_path, indexes, find_links=("/own",), **env).env
    assert indexes[0] == found["PIP_INDEX_URL"]
    assert f"{indexes[1]} https://c.example" == found["PIP_EXTRA_INDEX_URL"]
    assert "/own /w" == found["PIP_FIND_LINKS"]


def test_without_an_index_none_is_asked(tmp_path):
    """As `[python-repos].indexes = []` wants it; folders of wheels are left."""
    found = fetching(tmp_path, (), find_links=("/own",)).env
    assert ("1", "/own") == (found["PIP_NO_INDEX"], found["PIP_FIND_LINKS"])
    assert "PIP_INDEX_URL" not in found


def test_settings_that_choose_are_left_out(tmp_path):
    """Of files and variables alike; the lock decides."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text("[global]\nconstraint = /caps.txt\nno-binary = :all:\ntimeout = 7\n")
    found = fetching(tmp_path, PIP_CONSTRAINT="/caps.txt", PIP_USER="1", PIP_RETRIES="9").env
    assert not [name for name in found if name in ("PIP_CONSTRAINT", "PIP_NO_BINARY", "PIP_USER")]
    assert ("9", "7") == (found["PIP_RETRIES"], found["PIP_TIMEOUT"])


def test_authorities_are_those_of_pants_then_of_pip_then_of_the_machine(tmp_path):
    """Those of Pants as a file's content, since a process sees no path of the machine."""
    file = tmp_path / "own.pem"
    file.write_text("authorities")
    found = fetching(tmp_path, ca_certs_path=str(file), PIP_CERT="/pip.pem", CURL_CA_BUNDLE="/a.pem")
    assert b"authorities" == found.authorities
    assert not {"PIP_CERT", "REQUESTS_CA_BUNDLE"} & set(found.env)
    found = fetching(tmp_path, PIP_CERT="/pip.pem", CURL_CA_BUNDLE="/a.pem")
    # pip takes its own setting before requests' variable.
    assert ("/pip.pem", "/a.pem", b"") == (found.env["PIP_CERT"], found.env["REQUESTS_CA_BUNDLE"], found.authorities)


def test_a_proxy_of_pips_stands_over_that_of_the_machine(tmp_path):
    """Where pip has none, the variables of the machine go on as they are."""
    proxies = {"https_proxy": "http://a:1", "NO_PROXY": "x"}
    assert proxies.items() <= fetching(tmp_path, **proxies).env.items()
    found = fetching(tmp_path, PIP_PROXY="http://b:2", **proxies).env
    assert ("http://b:2", "x") == (found["PIP_PROXY"], found["NO_PROXY"])


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
    assert "7" == fetching(tmp_path).env["PIP_TIMEOUT"]
    assert "7" == fetching(tmp_path, UNRELATED="1").env["PIP_TIMEOUT"]
    after = _settings.cache_info()
    assert (1, 1) == (after.misses - before.misses, after.hits - before.hits)
    # Pants hands the environment on in another order with each command.
    machine = {"PIP_CERT": "", "PATH": "/usr/bin", "XDG_CONFIG_DIRS": str(tmp_path), "HOME": str(tmp_path)}
    request = ToolFetchingRequest((PythonRepos.pypi_index,))
    assert "7" == _fetching(machine, request).env["PIP_TIMEOUT"]
    assert after.misses == _settings.cache_info().misses
    (tmp_path / "pip/pip.conf").write_text("[global]\ntimeout = 70\n")
    assert "70" == fetching(tmp_path).env["PIP_TIMEOUT"]
    assert "8" == fetching(tmp_path, PIP_TIMEOUT="8").env["PIP_TIMEOUT"]
