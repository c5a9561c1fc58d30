"""Outputs: files and folders that are whole, or as they were."""

import errno
import os
import stat

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.machine.outputs import new_folder, replacing, write_file


def test_a_file_and_the_folders_above_it_are_made(tmp_path):
    """With the mode of a file that all may read, whatever mode it was given, and nothing next to it."""
    with replacing(tmp_path / "dist" / "model" / "a.tar") as made:
        made.touch(0o600)
    assert 0o644 == stat.S_IMODE((tmp_path / "dist" / "model" / "a.tar").stat().st_mode)
    assert ["a.tar"] == os.listdir(tmp_path / "dist" / "model")


def test_a_folder_may_be_made_in_place_of_an_empty_one(tmp_path):
    """Which a script may have made for it."""
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as made:
        (made / "file").write_text("text")
    assert 0o755 == stat.S_IMODE((tmp_path / "out").stat().st_mode)
    assert "text" == (tmp_path / "out" / "file").read_text()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_in_the_place_of_a_new_folder_stays(tmp_path, kind):
    """A file, a folder with something in it, and a link that leads nowhere."""
    output = tmp_path / "out"
    if kind == "file":
        output.write_text("mine")
    elif kind == "folder":
        (output / "mine").mkdir(parents=True)
    else:
        output.symlink_to("nowhere")
    refusal = f"{output}: exists. Remove it, or write to another folder."
    with pytest.raises(ModelkilnError, match=refusal), new_folder(output):
        raise AssertionError("not reached")
    assert ["out"] == os.listdir(tmp_path)


def test_what_fails_leaves_the_output_as_it_was(tmp_path):
    """A disk that is full when half is written: the message names the output, and the temporary file is gone."""
    output = tmp_path / "lock.json"
    output.write_text("old")
    with pytest.raises(ModelkilnError) as error, replacing(output) as made:
        made.write_text("ne")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (
        f"{output}: cannot be written: No space left on device. Make its folder writable, with space on its disk, "
        "or name another output. Nothing was changed." == str(error.value)
    )
    assert ("old", ["lock.json"]) == (output.read_text(), os.listdir(tmp_path))


def test_a_full_disk_is_named_by_the_output(tmp_path):
    """Real writes to a device that is always full."""
    refusal = "out: cannot be written: No space left on device"
    with pytest.raises(ModelkilnError, match=refusal), replacing(tmp_path / "out") as made:
        made.symlink_to("/dev/full")
        made.write_bytes(b"data")


@pytest.mark.parametrize("place", ["file/out", "folder", "n" * 300])
def test_a_place_that_takes_no_file_is_named(tmp_path, place):
    """Below a file, on a folder that is not empty, with a name that is too long."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "mine").mkdir(parents=True)
    with pytest.raises(ModelkilnError, match=f"{place}: cannot be written: .*Nothing was changed"):
        write_file(tmp_path / place, b"data")
    assert ["file", "folder"] == sorted(os.listdir(tmp_path))


def test_what_the_content_lacks_is_not_laid_at_the_output(tmp_path):
    """A source that is gone, and a connection that broke: neither is about where the output is written."""
    with pytest.raises(FileNotFoundError, match="source"), replacing(tmp_path / "out") as made:
        made.write_bytes((tmp_path / "source").read_bytes())
    with pytest.raises(OSError, match="connection broken"), replacing(tmp_path / "out"):
        raise OSError("connection broken")
    assert [] == os.listdir(tmp_path)
