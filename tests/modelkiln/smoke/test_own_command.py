"""The command that an image starts must be there, whatever answers the smoke test."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.own_command import check_own_command
from modelkiln.smoke.runnable_image import Runnable


@pytest.fixture
def root(tmp_path):
    """A root with two programs, a file, links to one of the programs, and links in a circle."""
    for name, mode in (("opt/venv/bin/uvicorn", 0o755), ("app/serve.sh", 0o755), ("app/data.txt", 0o644)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"#!")
        (tmp_path / name).chmod(mode)
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/bin").symlink_to("../../../opt/venv/bin")
    (tmp_path / "usr/absolute").symlink_to("/opt/venv/bin/uvicorn")
    (tmp_path / "usr/circle").symlink_to("circle")
    return tmp_path


def image(*command, path="/nowhere:/opt/venv/bin", cmd=()):
    """An image that starts a command in /app."""
    return Runnable(command, cmd, {"PATH": path} if path else {}, "/app", ())


@pytest.mark.parametrize(
    "command",
    [
        ["uvicorn", "svc.app:app"],
        ["/opt/venv/bin/uvicorn"],
        ["./serve.sh"],
        ["/usr/bin/uvicorn"],
        ["/usr/absolute"],
        [],
    ],
)
def test_a_program_is_found_as_a_container_would(command, root):
    """By its path, from the working folder, by PATH, and through links, which do not leave the root."""
    check_own_command(image(*command), root)


def test_cmd_is_started_where_there_is_no_entrypoint(root):
    """And without PATH the usual folders are looked into."""
    check_own_command(image(cmd=("uvicorn",), path=""), root)
    with pytest.raises(ModelkilnError, match="starts 'gunicorn'"):
        check_own_command(image(cmd=("gunicorn",)), root)


@pytest.mark.parametrize("program", ["/opt/venv/bin/gunicorn", "./data.txt", "/usr", "/usr/circle", "app/serve.sh"])
def test_a_path_that_leads_to_no_program_is_refused(program, root):
    """What is missing, cannot be executed, is a folder or a circle of links; and a path from another folder."""
    with pytest.raises(ModelkilnError, match=f"starts '{program}', and the image has no program of that path"):
        check_own_command(image(program), root)


def test_a_name_that_no_folder_of_path_has_is_refused(root):
    """The message names the program, PATH and what to do."""
    with pytest.raises(ModelkilnError, match=r"'gunicorn', and no folder of PATH \(/nowhere:/opt/venv/bin\) has it"):
        check_own_command(image("gunicorn"), root)
