"""The linter of sizes: what is too large, and what is undocumented, is named with its place."""

from house.sizes import problems, same_names


def test_what_is_within_the_limits_passes():
    """Private functions and those that Pants asks each backend for need no words."""
    text = 'def ensure():\n    """Do it."""\n\n\ndef _own():\n    pass\n\n\ndef rules():\n    return []\n'
    assert [] == problems([("rules/a/one.py", text)])


def test_what_exceeds_a_limit_is_named():
    """Folder, file and function, each with what it has and may have."""
    files = [(f"src/a/m{number}.py", "") for number in range(15)]
    long = 'def ensure():\n    """Do it."""\n' + "    pass\n" * 350
    found = problems([*files, ("src/b/long.py", long), ("src/c/bare.py", "\nasync def make():\n    pass\n")])
    assert [
        "src/a: holds 15 modules, at most 14. Divide it into rooms.",
        "src/b/long.py: has 352 lines, at most 350. Split it.",
        "src/b/long.py:1: ensure has 352 lines, at most 50. Split it.",
        "src/c/bare.py:2: make is public. Document it, with what it returns and raises.",
    ] == found


def test_test_modules_of_one_name_are_named():
    """In one folder of `tests`, whose modules may come into one process; others never do."""
    paths = ["tests/engine/test_a.py", "tests/e2e/test_a.py", "tests/engine/room/test_a.py", "tests/engine/test_b.py"]
    assert [
        "tests/engine/test_a.py: has the name of tests/engine/room/test_a.py. Rename one; a process of pytest can run "
        "only one of them."
    ] == same_names(paths)
