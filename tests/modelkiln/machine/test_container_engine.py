"""Container engines that answer with something else than they should; real ones are in `cli/test_cli.py`."""

import pytest

from modelkiln.machine.container_engine import ENGINES, choose_engine, known_layers, pull_layout

_PODMAN = ENGINES[0]
# What a program called podman answers to `image inspect`, and to all else with a name.
_SCRIPT = "#!/bin/sh\nif [ \"$1\" = image ]; then printf '%s\\n' '{answer}'; else echo found; fi\n"


@pytest.fixture
def podman(tmp_path, monkeypatch):
    """Puts a program called podman in the place of the machine's."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def put(script):
        (tmp_path / "podman").write_text(script)
        (tmp_path / "podman").chmod(0o755)

    return put


@pytest.mark.parametrize("answer", ["warning: no such thing", "{}", "7", "null", "", "[7, null]", "[[["])
def test_answers_that_name_nothing_save_no_work(podman, tmp_path, answer):
    """They are warnings among the lines, or of another release: the image is loaded all the same."""
    podman(_SCRIPT.format(answer=answer))
    assert _PODMAN == choose_engine("podman")
    assert frozenset() == known_layers(_PODMAN)
    assert pull_layout(_PODMAN, tmp_path / "layout", "localhost/x:1")


def test_layers_are_those_of_lines_that_name_some(podman):
    """Whatever stands between them."""
    podman(_SCRIPT.format(answer='["sha256:1", "sha256:2"]\\nwarning\\n["sha256:3"]').replace("%s", "%b"))
    assert {"sha256:1", "sha256:2", "sha256:3"} == known_layers(_PODMAN)


def test_an_engine_that_takes_no_layout_gets_an_archive(podman, tmp_path):
    """One that fails, or that names no image."""
    for script in ("#!/bin/sh\nexit 125\n", "#!/bin/sh\nexit 0\n"):
        podman(script)
        assert not pull_layout(_PODMAN, tmp_path / "layout", "localhost/x:1")
