"""Subjects as `pants lint` and `pants fix` hand them over."""

import hashlib
import json
import os

import pytest

from modelkiln.cli.main import main
from modelkiln.lint.packages.listed import read_listed

SCRIPT = b'def predict(inputs, model):\n    return open("/data/weights.json")\n'


@pytest.fixture
def hand_over(tmp_path):
    """Return what writes a document of packages that have one script and one artifact, and returns its path."""

    def write(*names, script=SCRIPT):
        (tmp_path / "files").mkdir(exist_ok=True)
        listed = []
        for content in (script, b"{}"):
            (tmp_path / "files" / hashlib.sha256(content).hexdigest()).write_bytes(content)
        weights = hashlib.sha256(b"{}").hexdigest()
        for name in names:
            listed.append(
                {
                    "name": name,
                    "entry_point": "rain:predict",
                    "sources": [
                        {"path": "rain.py", "origin": "src/rain.py", "sha256": hashlib.sha256(script).hexdigest()}
                    ],
                    "artifacts": [
                        {"path": "weights.json", "size": 2, "sha256": weights},
                        {"path": "elsewhere.bin", "size": 9, "sha256": "0" * 64},
                    ],
                    "at_hand": [weights],
                }
            )
        (tmp_path / "subjects.json").write_text(json.dumps(listed))
        return tmp_path / "subjects.json"

    return write


def test_files_are_found_by_their_content(hand_over):
    """Those of code with their places; of artifacts those that are at hand."""
    ((subject, _),) = read_listed(hand_over("//:a"))
    (source,) = subject.sources
    assert ("rain.py", "src/rain.py", SCRIPT) == (source.path, source.shown, source.content)
    known, unknown = subject.artifacts
    assert b"{}" == known.open().read()
    assert unknown.open is None


def test_what_packages_share_is_one_value(hand_over):
    """Rules look at it once: it is equal, also in how it is opened."""
    (first, _), (second, _) = read_listed(hand_over("//:a", "//:b"))
    assert first.sources[0].content is second.sources[0].content
    assert first.artifacts == second.artifacts


def test_what_another_fixer_made_of_a_file_counts(hand_over, tmp_path):
    """A file below `repository` stands for the one of the document."""
    (tmp_path / "repository/src").mkdir(parents=True)
    (tmp_path / "repository/src/rain.py").write_bytes(b"X = 1\n")
    ((subject, _),) = read_listed(hand_over("//:a"), tmp_path / "repository")
    assert b"X = 1\n" == subject.sources[0].content


def test_the_step_edits_files_in_their_place(hand_over, tmp_path, capsys):
    """It prints which; their modes stay, and links to others' files are not written through."""
    script = tmp_path / "repository/src/rain.py"
    script.parent.mkdir(parents=True)
    (tmp_path / "other.py").write_bytes(SCRIPT)
    (tmp_path / "other.py").chmod(0o555)
    (tmp_path / "repository/src/plain.py").write_bytes(b"")
    os.link(tmp_path / "other.py", script)
    step = ["build", "fix-lint", f"--subjects={hand_over('//:a')}", f"--folder={tmp_path / 'repository'}"]
    assert 0 == main(step)
    assert "src/rain.py\n" == capsys.readouterr().out
    assert b'open(model / "weights.json")' in script.read_bytes()
    assert SCRIPT == (tmp_path / "other.py").read_bytes()
    assert 0o555 == script.stat().st_mode & 0o777
    assert 0 == main(step)
    assert "" == capsys.readouterr().out
