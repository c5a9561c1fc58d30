"""Git submodules that are not checked out, in checkouts that git makes."""

import subprocess

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.machine.submodules import check_submodules
from modelkiln.sources.local import open_source


@pytest.fixture
def clone(tmp_path):
    """Return a clone without the submodule `models/rain weights`, which has the file `big/weights.bin`."""

    def git(folder, *arguments):
        settings = ("user.name=a", "user.email=a@example.com", "protocol.file.allow=always", "core.hooksPath=/dev/null")
        options = [part for one in settings for part in ("-c", one)]
        subprocess.run(["git", *options, *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("weights", "repo"):
        (tmp_path / name / "big").mkdir(parents=True)
        (tmp_path / name / "big" / "weights.bin").write_text(name)
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "add", ".")
        git(tmp_path / name, "commit", "-qm", "files")
    git(tmp_path / "repo", "submodule", "add", "-q", str(tmp_path / "weights"), "models/rain weights")
    git(tmp_path / "repo", "commit", "-qm", "submodule")
    git(tmp_path, "clone", "-q", str(tmp_path / "repo"), "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("path", ["", "/big", "/big/weights.bin", "/**/*.bin"])
def test_what_lies_in_one_is_refused_with_the_command(clone, path):
    """The submodule itself, a folder or file of it, and a pattern."""
    refusal = (
        "rain:weights: models/rain weights is a git submodule that is not checked out. Check it out with "
        "`git submodule update --init 'models/rain weights'`."
    )
    with pytest.raises(ModelkilnError, match=refusal):
        check_submodules(clone / f"models/rain weights{path}", "rain:weights")


def test_what_is_checked_out_passes(clone):
    """And so does what is not there for another reason: below a folder with files, in an empty one, without git."""
    (clone / "models" / "own").mkdir()
    for path in ("big/weights.bin", "big/gone.bin", "models/own/gone.bin", "models/gone/*"):
        check_submodules(clone / path, "rain:weights")
    check_submodules(clone.parent / "weights" / "gone", "rain:weights")
    (clone / "models" / "rain weights" / "big").mkdir()
    check_submodules(clone / "models/rain weights/gone.bin", "rain:weights")


@pytest.mark.parametrize("source", ["models/rain weights", "models/rain weights/*.bin", "models/rain weights/a.bin"])
def test_a_source_in_one_is_refused_as_it_is_locked(clone, source):
    """A folder, which would be empty, a pattern without a match, and a file that is not there."""
    with pytest.raises(ModelkilnError) as error:
        open_source(source, {}, clone).list()
    assert str(error.value).startswith(f"source '{source}': models/rain weights is a git submodule that is not checked")


def test_a_locked_file_in_one_is_refused_as_it_is_read(clone):
    """A lock that came with the clone names files that did not."""
    (clone / "models" / "rain weights" / "a.bin").write_text("weights")
    source = open_source("models/rain weights", {}, clone)
    (file,) = source.list().files
    (clone / "models" / "rain weights" / "a.bin").unlink()
    with pytest.raises(ModelkilnError, match="models/rain weights is a git submodule that is not checked out"):
        source.stamp(file)
