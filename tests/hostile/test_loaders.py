"""What the libraries that load models recognise, the checks recognise, and no loader of theirs can be allowed."""

import ast
import importlib.util
import io
import lzma
import pickle
import re
import sysconfig
import zlib
from pathlib import Path

import joblib
import joblib.compressor
import joblib.numpy_pickle_compat
import numpy
import pytest

from modelkiln.checks.archives import COMPRESSIONS
from modelkiln.checks.check import Options, check_file
from modelkiln.checks.pickle_globals import is_never_allowed
from modelkiln.errors import ModelkilnError

PICKLE = pickle.dumps(re.compile, 2)
_BUILTINS = {"eval", "exec", "compile", "__import__"}
_CALLS = {
    "importlib.import_module", "marshal.load", "marshal.loads", "os.popen", "os.system", "pickle.Unpickler",
    "pickle.load", "pickle.loads", "runpy.run_module", "runpy.run_path", "subprocess.Popen", "subprocess.call",
    "subprocess.check_call", "subprocess.check_output", "subprocess.run", "cloudpickle.load", "cloudpickle.loads",
}  # fmt: skip
# Of the standard library: namedtuple() executes names that it has checked to be names.
_HARMLESS = {"collections.namedtuple"}
_LIBRARIES = ("cloudpickle", "huggingface_hub", "joblib", "numpy", "onnx", "yaml")


def _refused(data):
    with pytest.raises(ModelkilnError, match="pickle"):
        check_file("m", lambda: io.BytesIO(data), len(data), Options("a:b"))


def test_each_compressor_of_joblib_is_known():
    """What joblib takes for compressed by a file's first bytes, the checks look into."""
    ours = [compression.magic for compression in COMPRESSIONS]
    for name, compressor in joblib.compressor._COMPRESSORS.items():
        assert any(magic.startswith(compressor.prefix) for magic in ours), name
        # One that is shorter than joblib's knows more files, one that is longer fewer.
        assert name in ("zlib", "bz2", "xz") or compressor.prefix in ours


@pytest.mark.parametrize("name", ["zlib", "gzip", "bz2", "lzma", "xz"])
@pytest.mark.parametrize("level", range(1, 10))
def test_what_joblib_compresses_is_looked_into(name, level):
    """Files of each of joblib's compressors at each level are refused for what is in them."""
    stream = io.BytesIO()
    joblib.dump(re.compile, stream, compress=(name, level))
    _refused(stream.getvalue())


def test_each_start_of_zlib_that_joblib_loads_is_known():
    """joblib takes each file that starts with 0x78 for zlib; those that it can load are refused."""
    loaded = 0
    for second in range(256):
        data = b"\x78" + bytes([second]) + zlib.compress(PICKLE)[2:]
        try:
            joblib.load(io.BytesIO(data))
        except Exception:
            continue
        loaded += 1
        _refused(data)
    assert 4 == loaded


@pytest.mark.parametrize("bits", range(12, 28))
@pytest.mark.parametrize("steps", [2, 3])
def test_each_dictionary_of_lzma_that_joblib_loads_is_known(bits, steps):
    """LZMA files of every size of dictionary, which stands in the bytes after the first, are refused."""
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": steps << (bits - 1)}]
    data = lzma.compress(PICKLE, lzma.FORMAT_ALONE, filters=filters)
    assert joblib.load(io.BytesIO(data)) is re.compile
    _refused(data)


def test_the_oldest_container_of_joblib_is_known(tmp_path):
    """A file of joblib before 0.10, which joblib still loads, is refused for what is in it."""
    path = tmp_path / "m.pkl"
    with path.open("wb") as stream:
        joblib.numpy_pickle_compat.write_zfile(stream, PICKLE)
    with pytest.warns(DeprecationWarning):
        assert joblib.load(path) is re.compile
    _refused(path.read_bytes())


def test_what_numpy_loads_is_known():
    """Arrays of objects that numpy loads as pickles are refused, alone and in an archive."""
    for save in (numpy.save, numpy.savez, numpy.savez_compressed):
        stream = io.BytesIO()
        save(stream, numpy.array([re.compile], dtype=object))
        _refused(stream.getvalue())
    stream = io.BytesIO(PICKLE)
    assert numpy.load(stream, allow_pickle=True) is re.compile
    _refused(PICKLE)


def _modules(library):
    """Names and files of the modules of a library, without its tests; of the standard library for None."""
    if library is None:
        folder, prefix = Path(sysconfig.get_path("stdlib")), ""
    else:
        folder, prefix = Path(importlib.util.find_spec(library).origin).parent, f"{library}."
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if not {"site-packages", "dist-packages", "test", "tests"} & set(parts):
            yield (prefix + ".".join(parts)).removesuffix(".__init__"), path


def _imported(tree):
    """What names of a module stand for, where it imports them."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _runs_something(definition, imported):
    """Whether a function or class calls what executes texts, loads pickles, imports by name or starts programs."""
    for node in ast.walk(definition):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name):
            name = imported.get(function.id, function.id)
            if name in _BUILTINS or name in _CALLS:
                return True
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            if f"{imported.get(function.value.id, function.value.id)}.{function.attr}" in _CALLS:
                return True
    return False


@pytest.mark.parametrize("library", [None, *_LIBRARIES], ids=str)
def test_no_loader_of_a_library_can_be_allowed(library):
    """Functions and classes that themselves load pickles, execute texts, import or start programs are on the list."""
    count, missing = 0, []
    for module, path in _modules(library):
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:
            continue  # Templates, and modules of another Python.
        imported = _imported(tree)
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and _runs_something(
                node, imported
            ):
                count += 1
                name = f"{module}.{node.name}"
                missing += [name] if name not in _HARMLESS and not is_never_allowed(name) else []
    assert [] == missing
    assert library in ("cloudpickle", "yaml") or count
