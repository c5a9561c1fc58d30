"""How Pants reaches an index: by pip's settings, which the launcher hands on as options of Pants."""

import ast
import json
import os

INDEX = "https://user:secret@index.example/simple"


def options_of(sandbox, **env):
    """Run the launcher, and return the environment that Pants gets."""
    result = sandbox.run("-V", XDG_CONFIG_DIRS=str(sandbox.home / "xdg"), **env)
    assert 0 == result.returncode, result.stderr
    return json.loads(result.stdout)["env"]


def test_pips_index_and_folders_of_wheels_become_options(sandbox):
    """An index replaces Pants' default, further ones come after it, and folders are added to those of pants.toml."""
    sandbox.add_python()
    sandbox.set_pip(
        index_url=INDEX, extra_index_url="https://b.example/s https://c.example/s", find_links="/w", proxy="p:1"
    )
    env = options_of(sandbox, PIP_INDEX_URL=INDEX)
    assert [INDEX, "https://b.example/s", "https://c.example/s"] == ast.literal_eval(env["PANTS_PYTHON_REPOS_INDEXES"])
    assert "+['/w']" == env["PANTS_PYTHON_REPOS_FIND_LINKS"]
    assert {"p:1"} == {env[name] for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}


def test_further_indexes_alone_are_added_to_the_default(sandbox):
    """The default's address is Pants' own matter."""
    sandbox.add_python()
    sandbox.set_pip(extra_index_url="https://b.example/s")
    assert "+['https://b.example/s']" == options_of(sandbox, PIP_PRE="1")["PANTS_PYTHON_REPOS_INDEXES"]


def test_authorities_become_an_option_where_the_file_exists(sandbox):
    """Pants takes a file, and pip also a folder."""
    sandbox.add_python()
    authorities = sandbox.home / "ca.pem"
    authorities.touch()
    sandbox.set_pip(cert=str(authorities))
    assert str(authorities) == options_of(sandbox, PIP_CERT="x")["PANTS_CA_CERTS_PATH"]
    sandbox.set_pip(cert=str(sandbox.home))
    assert "PANTS_CA_CERTS_PATH" not in options_of(sandbox, PIP_CERT="y")


def test_options_of_pants_stand_over_pips_settings(sandbox):
    """What is set for Pants itself is more specific."""
    sandbox.add_python()
    sandbox.set_pip(index_url=INDEX, find_links="/w", cert=__file__)
    own = {
        "PANTS_PYTHON_REPOS_INDEXES": "['https://own.example']",
        "PANTS_PYTHON_REPOS_FIND_LINKS": "['/own']",
        "PANTS_CA_CERTS_PATH": "/own.pem",
    }
    env = options_of(sandbox, PIP_INDEX_URL=INDEX, **own)
    assert own == {name: env[name] for name in own}


def test_pip_is_asked_again_when_its_files_or_variables_change_alone(sandbox):
    """A warm command starts no Python; what it knows holds no longer than the files that it is from."""
    sandbox.add_python()
    file = sandbox.home / "xdg/pip/pip.conf"
    file.parent.mkdir(parents=True)
    asked = []
    for variables in ({}, {}, {"PIP_TIMEOUT": "9"}, {"PIP_TIMEOUT": "9"}):
        file.touch()
        os.utime(file, (1, 1))
        options_of(sandbox, **variables)
        asked.append(sandbox.times_asked())
    assert [1, 1, 2, 2] == asked
    os.utime(file)
    options_of(sandbox, PIP_TIMEOUT="9")
    assert 3 == sandbox.times_asked()


def test_what_is_remembered_is_for_its_user_alone(sandbox):
    """An index's address may hold a password."""
    sandbox.add_python()
    sandbox.set_pip(index_url=INDEX)
    options_of(sandbox, PIP_INDEX_URL=INDEX)
    (remembered,) = sandbox.cache.glob("pip.*")
    assert INDEX in remembered.read_text()
    assert 0o600 == remembered.stat().st_mode & 0o777


def test_a_configuration_that_pip_cannot_read_ends_the_command(sandbox):
    """Nothing is fetched from where it was not meant to be."""
    sandbox.add_python()
    sandbox.run("-V")
    (home,) = sandbox.installs()
    python = home / "bin/python"
    python.write_text(python.read_text().replace("cat ", "exit 1; cat "))
    result = sandbox.run("-V", PIP_INDEX_URL=INDEX)
    assert 1 == result.returncode
    assert "pip's configuration cannot be read" in result.stderr
