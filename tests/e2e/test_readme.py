"""What README.md shows, in a copy of this repository."""

import shlex

import pytest
from documents import ROOT, commands, files_of, missing_lines, sessions

README = ROOT / "README.md"
_SESSION = sessions(README)


@pytest.mark.parametrize(("command", "shown"), _SESSION, ids=[command for command, _ in _SESSION])
def test_the_session_is_real(repository, command, shown):
    """Its commands print what is shown, but for sizes, digests and times."""
    run = repository.pants(*shlex.split(command)[1:])
    assert [] == missing_lines(shown, f"{run.log}\n{run.out.decode()}")


def test_the_model_is_real(repository):
    """The files of "Add a model" are packaged, and their smoke test passes."""
    files = files_of(README)
    folder = {path.rpartition("/")[0] for path in files}
    assert {"src/models/fraud"} == folder
    for path, text in files.items():
        repository.write(path, text)
    typed = [words for words in commands(README) if any("fraud" in word for word in words)]
    assert [["./pants", "package", "src/models/fraud::"], ["./pants", "test", "src/models/fraud::"]] == typed
    for words in typed:
        log = repository.pants(*words[1:]).log
    assert "✓ src/models/fraud:smoke@format=pex succeeded" in log and "✕" not in log
    record = repository.record("src.models.fraud/fraud")
    assert ["weights.json"] == [file["path"] for file in record["artifacts"]]
    assert {"models/fraud/predict.py"} == {one["path"] for one in record["code"] if one["path"].startswith("models/")}
