"""Folders in which an output is made: what killed processes left of them goes, and what is in use stays."""

import os
import shutil
import signal
import tempfile

import pytest
from steps import killed_at_every_step

from modelkiln.image.layout import write_layout
from modelkiln.machine.outputs import write_file
from modelkiln.machine.part_folders import part_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_made_takes_its_place_and_all_else_goes(tmp_path):
    """The folder is on the same file system, and is gone at the end, also with what was left in it."""
    with part_folder(tmp_path / "output") as part:
        (part / "made").write_bytes(b"data")
        (part / "scratch").write_bytes(b"more")
        os.replace(part / "made", tmp_path / "output")
    assert ["output"] == names(tmp_path)


def test_an_error_leaves_nothing(tmp_path):
    """Whatever is raised in the block."""
    with pytest.raises(KeyboardInterrupt), part_folder(tmp_path / "output") as part:
        (part / "made").write_bytes(b"data")
        raise KeyboardInterrupt
    assert [] == names(tmp_path)


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path):
    """Of the same output alone: other hidden names stay."""
    child = os.fork()
    if child == 0:
        with part_folder(tmp_path / "output") as part:
            (part / "made").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = names(tmp_path)
    others = [".output", ".output.abcdefgh", ".output.abc.part", ".other.abcdefgh.part", "output.abcdefgh.part"]
    for name in others:
        (tmp_path / name).mkdir()
    with part_folder(tmp_path / "output"):
        assert left not in names(tmp_path)
    assert sorted(others) == names(tmp_path)


def test_what_only_has_such_a_name_stays(tmp_path):
    """A folder of another mode is none that was made here, and a link leads to somebody else's; neither is a file."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "elsewhere" / "file").touch()
    (tmp_path / ".output.aaaaaaaa.part").symlink_to("elsewhere")
    (tmp_path / ".output.bbbbbbbb.part").mkdir()
    (tmp_path / ".output.bbbbbbbb.part").chmod(0o755)
    (tmp_path / ".output.cccccccc.part").touch()
    before = names(tmp_path)
    with part_folder(tmp_path / "output"):
        pass
    assert before == names(tmp_path)
    assert ["file"] == names(tmp_path / "elsewhere")


def test_the_folder_of_a_living_process_stays(tmp_path):
    """Two make the same output at a time, and the later rename counts."""
    with part_folder(tmp_path / "output") as one, part_folder(tmp_path / "output") as other:
        for part in (one, other):
            (part / "made").write_text(part.name)
        os.replace(other / "made", tmp_path / "output")
        os.replace(one / "made", tmp_path / "output")
        assert one.name == (tmp_path / "output").read_text()
    assert ["output"] == names(tmp_path)


def test_a_folder_that_goes_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    """As where another process, which found it unlocked, takes it for a dead one's."""
    make, made = tempfile.mkdtemp, []

    def make_and_lose(**settings):
        made.append(make(**settings))
        if len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    with part_folder(tmp_path / "output") as part:
        assert made[1:] == [str(part)]
        assert part.is_dir()


def test_many_writers_of_one_output_do_not_disturb_each_other(tmp_path):
    """Each takes what the others are at work on for what it is."""
    writers = []
    for number in range(3):
        writers.append(os.fork())
        if writers[-1] == 0:
            code = 1
            try:
                for _ in range(50):
                    write_file(tmp_path / "output", b"%d" % number)
                code = 0
            finally:
                os._exit(code)
    assert [0, 0, 0] == [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in writers]
    assert ["output"] == names(tmp_path)


def files(path):
    """What is in a file, or in the files of a folder by their paths."""
    if path.is_file():
        return path.read_bytes()
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


@pytest.mark.parametrize(
    ("write", "content"),
    [(write_layout, {"index.json": b"{}", "blobs/sha256/00": b"blob"}), (write_file, b"text")],
    ids=["layout", "file"],
)
def test_an_output_whose_writer_is_killed_at_any_step_is_whole_or_not_there(tmp_path, write, content):
    """After kill -9 at each step on the file system, and the next writer leaves nothing else."""
    output = tmp_path / "output"
    for number in killed_at_every_step(lambda: write(output, content)):
        if output.exists():
            assert content == files(output), number
            os.rename(output, tmp_path / "moved")
            shutil.rmtree(tmp_path / "moved") if write is write_layout else (tmp_path / "moved").unlink()
    assert content == files(output)
    assert ["output"] == names(tmp_path)
