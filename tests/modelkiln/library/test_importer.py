"""Code of a model that is imported for it alone."""

import json
import shutil
import subprocess
import sys

import pytest
from samples.wheels.model_wheels import lay_out


@pytest.fixture
def site(tmp_path):
    """A folder of importable models; `add` lays one out, `run` executes an application's code."""

    class Site:
        def add(self, name, code, entry_point="models.main:main"):
            folder = tmp_path / f"site-{name}"
            lay_out(folder, code=code, entry_point=entry_point, wheel={"distribution": name})
            return folder

        def run(self, script, *more):
            paths = [*map(str, tmp_path.glob("site-*")), *map(str, more)]
            env = {"PYTHONPATH": ":".join(paths), "HOME": str(tmp_path)}
            (tmp_path / "application.py").write_text(script)
            command = [sys.executable, "-W", "error", str(tmp_path / "application.py")]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
            assert 0 == done.returncode, done.stderr
            return done.stdout

    return Site()


# What an application does to get at a module of a model's code.
OWN = """
import importlib, json, sys
def own(model, name):
    importlib.import_module(model)
    return importlib.import_module(model)._model() and importlib.import_module(f"{model}._package.{name}")
"""


def test_each_model_has_its_own_commit_of_a_library(site, tmp_path):
    """Both use `common`, and the application has another module of that name; none sees those of the others."""
    main = "import common.version\nfrom common import NAME\n\ndef main():\n    return [NAME, common.version.VERSION]\n"
    for name, version in (("first", 1), ("second", 2)):
        code = {"models/main.py": main, "common/version.py": f"VERSION = {version}\n", "common/__init__.py": ""}
        site.add(name, {**code, "common/__init__.py": f"NAME = 'common of {name}'\n"})
    (tmp_path / "common.py").write_text("NAME = 'the application'\n")
    found = site.run(OWN + """
import common
first, second = own("first", "models.main"), own("second", "models.main")
print(json.dumps([first.main(), second.main(), common.NAME]))
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in ("common", "models", "modelkiln"))))
print(json.dumps([path for path in sys.path if "_package" in path]))
""").splitlines()
    assert [["common of first", 1], ["common of second", 2], "the application"] == json.loads(found[0])
    assert ["common"] == json.loads(found[1])
    assert [] == json.loads(found[2])


WAYS = {
    "models/__init__.py": "",
    "models/deep/__init__.py": "",
    "models/deep/leaf.py": "VALUE = 'leaf'\n",
    "models/deep/words.txt": "words",
    "parts/one.py": "VALUE = 'one'\n",
    "models/main.py": """
import dataclasses
import typing
from importlib import import_module, resources

from models.deep.leaf import *


@dataclasses.dataclass
class Point:
    x: "int"


def main():
    import importlib.resources
    import importlib.util
    import pkgutil

    import models.deep.leaf
    import models.deep.leaf as leaf
    import parts.one
    from models import deep
    from models.deep.leaf import VALUE
    from parts import one

    from . import deep as relative
    from .deep.leaf import VALUE as again

    assert models.deep.leaf is leaf is import_module("models.deep.leaf") is import_module(".leaf", "models.deep")
    assert leaf is import_module(name="models.deep.leaf") is importlib.import_module(".deep.leaf", __package__)
    assert deep is relative and VALUE == again == "leaf" and one.VALUE == parts.one.VALUE == "one"
    assert "words" == resources.files("models.deep").joinpath("words.txt").read_text()
    assert "words" == importlib.resources.files(deep).joinpath("words.txt").read_text()
    assert b"words" == pkgutil.get_data("models.deep", "words.txt")
    assert importlib.util.find_spec("models.deep.leaf").origin == leaf.__file__
    assert importlib.util.find_spec("models.nothing") is None
    assert import_module("json").loads("1") == 1
    assert {"x": int} == typing.get_type_hints(Point)
    for missing in ("models.nothing", "parts.nothing", "nothing"):
        try:
            import_module(missing)
        except ModuleNotFoundError as error:
            continue
        raise AssertionError(missing)
    try:
        import models.nothing
    except ModuleNotFoundError as error:
        assert "models.nothing" == error.name and "No module named 'models.nothing'" == str(error)
    return "done"


def square(number):
    from models.deep.leaf import VALUE

    return [VALUE, number * number]
""",
}


def test_code_is_imported_in_every_way(site):
    """Statements at all depths, absolute and relative, and functions that take names as text."""
    site.add("ways", WAYS)
    assert "done\n" == site.run(OWN + 'print(own("ways", "models.main").main())')


def test_processes_that_are_spawned_import_it_too(site):
    """multiprocessing sends functions by the names of their modules."""
    site.add("ways", WAYS)
    found = site.run(OWN + """
if __name__ == "__main__":
    import concurrent.futures, multiprocessing
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        print(json.dumps(list(pool.map(own("ways", "models.main").square, [2, 3]))))
""")
    assert [["leaf", 4], ["leaf", 9]] == json.loads(found)


def test_folders_that_are_no_code_hide_nothing(site, tmp_path):
    """A folder of data has the name of somebody's module; a namespace has parts of theirs and of ours."""
    code = {
        "models/main.py": "import data, space.theirs\nimport space.ours\n\ndef main():\n"
        "    from space.theirs import NAME\n    return [data.NAME, NAME, space.ours.NAME]\n",
        "data/table.csv": "1",
        "space/ours.py": "NAME = 'ours'\n",
    }
    site.add("spaces", code)
    (tmp_path / "data.py").write_text("NAME = 'their data'\n")
    (tmp_path / "space").mkdir()
    (tmp_path / "space/theirs.py").write_text("NAME = 'theirs'\n")
    assert ["their data", "theirs", "ours"] == json.loads(
        site.run(OWN + 'print(json.dumps(own("spaces", "models.main").main()))', tmp_path)
    )


def test_data_beside_code_without_init_are_found(site):
    """`importlib.resources` finds files of namespace packages, at the top and below, by text and by module."""
    script = """
from importlib.resources import files


def main():
    import space.deep

    found = files(__package__), files("space"), files("space.deep"), files(space.deep)
    return [one.joinpath("table.txt").read_text() for one in found]
"""
    code = {"space/main.py": script, "space/table.txt": "top", "space/deep/table.txt": "deep", "space/deep/a.py": ""}
    site.add("spaces", code)
    found = json.loads(site.run(OWN + 'print(json.dumps(own("spaces", "space.main").main()))'))
    assert ["top", "top", "deep", "deep"] == found


def test_an_importer_is_made_once(site):
    """Also where the application loads the module again."""
    site.add("ways", WAYS)
    found = site.run("""
import importlib, sys, ways
importlib.reload(ways).record
print(sum(getattr(one, "name", "") == "ways._package" for one in sys.meta_path))
""")
    assert "1\n" == found


def test_a_zip_file_is_refused(site, tmp_path):
    """The model's files have to be files."""
    shutil.make_archive(str(tmp_path / "ways"), "zip", site.add("ways", WAYS))
    found = site.run("""
import sys
sys.path[:] = [path for path in sys.path if "site-ways" not in path]
sys.path.append(sys.argv[0].replace("application.py", "ways.zip"))
try:
    import ways
except ImportError as error:
    print(error)
""")
    assert "Install the wheel of this model unpacked" in found
