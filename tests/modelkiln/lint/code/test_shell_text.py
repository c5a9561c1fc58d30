"""Commands in code: their words, and the paths in them."""

import pytest

from modelkiln.lint.code.commands import NamedPath, paths_in
from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


def found(body):
    """Rules and lines of what is found in a program."""
    findings = lint(Subject("x", (SourceFile("app.py", body.encode()),)))
    return [(one.rule, one.line) for one in findings]


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("cat /etc/site/labels.txt", [NamedPath("/etc/site/labels.txt", False)]),
        ("bash -c \"source /etc/network && env\"", [NamedPath("/etc/network", False)]),
        ("convert in/a.png > out/b.png", [NamedPath("in/a.png", False), NamedPath("out/b.png", True)]),
        ("convert in/a.png >out/b.png", [NamedPath("in/a.png", False), NamedPath("out/b.png", True)]),
        ("tool --model=models/a.bin", [NamedPath("models/a.bin", False)]),
        ("7z a -tzip packed/....zip ...", [NamedPath("packed/....zip", True)]),
        ("7z a -tzip packed/a.zip", [NamedPath("packed/a.zip", True)]),
        ("ffmpeg -i ... -o results/a.wav", [NamedPath("results/a.wav", True)]),
        ("curl https://example.com/a.bin", []),
        ("taskkill /F /PID 1", []),
        ("./run --fast", []),
        ("", []),
    ],
)  # fmt: skip
def test_paths_of_a_command(command, paths):
    """Absolute ones, and relative ones with a folder, besides the program; with whether the command writes there."""
    assert paths == list(paths_in(command))


@pytest.mark.parametrize(
    ("call", "rules"),
    [
        ("subprocess.run('cat /etc/site/labels.txt', shell=True)", ["MK101"]),
        ("subprocess.run('cat /data/labels.txt | head', shell=True)", ["MK101"]),
        ("subprocess.run(f'tool {name} models/a.bin', shell=True)", ["MK107"]),
        ("os.system('mkdir -p results/' + name)", ["MK106"]),
        ("os.system(f'tool {name} > results/a.txt')", ["MK106"]),
        ("subprocess.run(['tool', name, 'models/a.bin'])", ["MK107"]),
        ("subprocess.run(['tool', 'models/a.bin'], cwd=name)", []),
        ("subprocess.run('cat /proc/self/maps', shell=True)", []),
        ("os.system(f'cd {name} && wget https://example.com/w.bin')", ["MK203"]),
        ("os.system('python setup.py develop')", ["MK204"]),
        ("os.system(f'echo {name}')", []),
    ],
)
def test_what_commands_read_and_write(call, rules):
    """A path in the text of a shell is one as well as a path in code; what is not known stands between."""
    assert [(one, 5) for one in rules] == found(f"import os\nimport subprocess\n\ndef predict(name):\n    {call}\n")


def test_a_command_is_the_list_that_it_grew_to():
    """Words may be added to a list before it is run."""
    body = "import subprocess\n\ncommand = ['tool']\ncommand += ['-m', 'models/a.bin']\nsubprocess.run(command)\n"
    assert [("MK107", 5)] == found(body)
