"""Which files of the engine travel where."""

from pants_modelkiln.engine.files import ENSEMBLE_RUNTIME, engine_files

_OF_ENSEMBLES = f"modelkiln/{ENSEMBLE_RUNTIME}/"


def test_what_ensembles_need_travels_in_no_other_package():
    """And nothing that travels in all of them imports it."""
    files = engine_files("runtime", without=ENSEMBLE_RUNTIME)
    paths = {file.path for file in files}
    assert {"modelkiln/__init__.py", "modelkiln/runtime/cli.py", "modelkiln/runtime/weights/lock.py"} <= paths
    assert [] == [path for path in paths if path.startswith(_OF_ENSEMBLES)]
    assert [] == [file.path for file in files if b"runtime.ensemble" in file.content]


def test_an_ensemble_has_the_rest():
    """The two together are all of the runtime."""
    both = [*engine_files("runtime", without=ENSEMBLE_RUNTIME), *engine_files(ENSEMBLE_RUNTIME)]
    assert {file.path for file in engine_files("runtime")} == {file.path for file in both}
