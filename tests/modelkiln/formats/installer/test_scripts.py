"""Programs of an environment."""

import subprocess
import sys

import pytest

from modelkiln.formats.installer.scripts import first_line, script_of, with_first_line, write_script


@pytest.mark.parametrize("folder", ["short", "with space", "long" * 40])
def test_a_program_starts_wherever_its_interpreter_lies(tmp_path, folder):
    """Also where the kernel cannot read the interpreter's path in a first line."""
    python = tmp_path / folder / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    (tmp_path / "show.py").write_text("import sys\nclass Show:\n    def all():\n        print(sys.argv[1:])\n")
    path = f"import sys; sys.path.append({str(tmp_path)!r})\n"
    program = script_of("show:Show.all", first_line(str(python)) + path.encode())
    write_script(tmp_path / "program", program)
    assert "['a b']\n" == subprocess.check_output([tmp_path / "program", "a b"], text=True)


def test_only_scripts_that_ask_for_it_get_an_interpreter():
    """By the first line that wheels have for it; `#!pythonw`, too."""
    line = first_line("/x/python")
    assert line + b"pass\n" == with_first_line(b"#!python\npass\n", line)
    assert line + b"pass\n" == with_first_line(b"#!pythonw -E\r\npass\n", line)
    assert b"#!/bin/sh\n" == with_first_line(b"#!/bin/sh\n", line)


def test_an_entry_point_comes_before_a_script_of_its_name(tmp_path):
    """As pip does it."""
    write_script(tmp_path / "bin/a", b"entry point")
    write_script(tmp_path / "bin/a", b"script")
    assert b"entry point" == (tmp_path / "bin/a").read_bytes()
