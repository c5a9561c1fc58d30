"""Sound files are taken: their format, what their pickles import, and which files they need."""

import ast
import io
import json
import os
import re
import resource
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from unittest import mock

import joblib
import numpy
import onnx
import pytest
import safetensors.numpy
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from properties import given
from python_path import python_path
from samples.pickles import ALLOWED, Tensor, call, proto, torch_legacy, torch_zip

import modelkiln
from modelkiln.checks import check
from modelkiln.checks.check import Finding, Need, Options, _has_no_sign, check_file, check_set
from modelkiln.errors import ModelkilnError

OPTIONS = Options("src/demo:weights")
NUMPY = ("collections.OrderedDict", "numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray")
JOBLIB = ("joblib.numpy_pickle.NumpyArrayWrapper", "numpy.dtype", "numpy.ndarray")


def _check(data, path="model.bin", allowed=None, code=()):
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("src/demo:weights", allowed, code))


def _model(weights, **tensor):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, weights.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, weights.shape[1]])],
        [tensor.get("initializer") or numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph)


def test_safetensors_of_the_reference_writer():
    """Files of the `safetensors` package are sound, and found under any name."""
    data = safetensors.numpy.save({"a": numpy.zeros((2, 3), "f4"), "b": numpy.ones(0, "i8")}, {"k": "v"})
    assert _check(data, "x.dat") == Finding("x.dat", len(data), "safetensors", tensors=("a", "b"))


@pytest.mark.parametrize("start", [b"", b"\n \r\n"])
def test_a_pointer_of_git_lfs_is_no_model(start):
    """What a source holds in place of a file that was not fetched, also with blank lines first."""
    data = start + b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"
    with pytest.raises(ModelkilnError, match="src/demo:weights: model.bin: is a Git LFS pointer, .*git lfs pull"):
        _check(data)


def test_only_the_header_of_20_gigabytes_is_read(tmp_path):
    """A sparse file of 20 GB is checked at once."""
    size = 20 << 30
    header = json.dumps({"w": {"dtype": "F16", "shape": [size // 2], "data_offsets": [0, size]}}).encode()
    path = tmp_path / "w.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.truncate(8 + len(header) + size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert check_file("w.safetensors", lambda: path.open("rb"), path.stat().st_size, OPTIONS).format == "safetensors"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 1


def test_state_dict_of_torch():
    """A zip of torch needs the three names that every state dict imports."""
    data = torch_zip(OrderedDict(w=Tensor("0", 4), b=Tensor("1", 1)), [bytes(16), bytes(4)])
    finding = _check(data, "model.pt", ALLOWED)
    assert ("zip", tuple(sorted(ALLOWED))) == (finding.format, finding.imports)


def test_state_dict_of_torch_before_zip_files():
    """Five pickles and the tensors' bytes are a file of torch before 1.6."""
    data = torch_legacy(OrderedDict(w=Tensor("0", 4)), struct.pack("<q4f", 4, 1, 2, 3, 4))
    finding = _check(data, "model.pth", ALLOWED)
    assert ("pickle", tuple(sorted(ALLOWED))) == (finding.format, finding.imports)


@pytest.mark.parametrize("protocol", range(5))
def test_arrays_in_a_pickle(protocol):
    """Pickles of every protocol give the same names."""
    import pickle

    data = pickle.dumps(OrderedDict(a=numpy.arange(3)), protocol)
    allowed = (*NUMPY, "_codecs.encode") if protocol < 3 else NUMPY
    assert _check(data, allowed=allowed).imports == tuple(sorted(allowed))


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_joblib_files(tmp_path, compress):
    """The bytes of joblib's arrays are passed over, whichever way the file is compressed."""
    value = {"a": numpy.arange(10_000.0), "b": [numpy.ones((2, 2), "c16"), numpy.array(["x", "yy"])]}
    joblib.dump(value, tmp_path / "m.joblib", compress=compress)
    data = (tmp_path / "m.joblib").read_bytes()
    assert _check(data, allowed=JOBLIB).imports == JOBLIB


def test_objects_in_an_array_of_joblib(tmp_path):
    """An array of objects is a pickle within the pickle, and its names count too."""
    joblib.dump(numpy.array([OrderedDict(a=1), None]), tmp_path / "m.joblib")
    data = (tmp_path / "m.joblib").read_bytes()
    names = tuple(sorted((*JOBLIB, "collections.OrderedDict", "numpy._core.multiarray._reconstruct")))
    assert _check(data, allowed=names).imports == names
    with pytest.raises(ModelkilnError, match="imports numpy._core.multiarray._reconstruct"):
        _check(data, allowed=JOBLIB)


def test_numpy_files():
    """Arrays of numbers need no permission; arrays of objects are pickles."""
    plain, objects, many = io.BytesIO(), io.BytesIO(), io.BytesIO()
    numpy.save(plain, numpy.zeros((3, 4)))
    numpy.save(objects, numpy.array([OrderedDict(), None]))
    numpy.savez_compressed(many, a=numpy.zeros(3), b=numpy.zeros(2, [("x", "f4"), ("y", "i2", (2,))]))
    assert _check(plain.getvalue()).format == "npy"
    assert _check(objects.getvalue(), allowed=NUMPY).imports == NUMPY
    assert (_check(many.getvalue()).format, _check(many.getvalue()).imports) == ("zip", ())
    with pytest.raises(ModelkilnError, match="is truncated"):
        _check(plain.getvalue()[:-1])


@pytest.mark.parametrize("typed", [False, True])
def test_onnx_weights_are_not_looked_at(typed):
    """The checker sees the model, not its weights, in whichever field they are."""
    weights = numpy.zeros((100, 50), "f4")
    tensor = helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel()) if typed else None
    data = _model(weights, initializer=tensor).SerializeToString()
    assert _check(data, "m").format == "onnx"


def test_onnx_external_data_is_needed(tmp_path):
    """A model says which file of the artifact its weights are in, and how long that is at least."""
    weights = numpy.zeros((100, 50), "f4")
    (tmp_path / "w").mkdir()
    onnx.save(_model(weights), tmp_path / "m.onnx", save_as_external_data=True, location="w/data", size_threshold=0)
    data = (tmp_path / "m.onnx").read_bytes()
    finding = _check(data, "sub/m.onnx")
    assert finding.needs == (Need("sub/w/data", 20_000),)
    check_set([finding, Finding("sub/w/data", 20_000, "unknown")], OPTIONS)
    with pytest.raises(ModelkilnError, match=r"sub/m.onnx: needs the file 'sub/w/data', which is not in the artifact"):
        check_set([finding, Finding("w/data", 20_000, "unknown")], OPTIONS)
    with pytest.raises(ModelkilnError, match=r"needs 20000 bytes of 'sub/w/data', which has 19999"):
        check_set([finding, Finding("sub/w/data", 19_999, "unknown")], OPTIONS)


def _external(**entries):
    model = _model(numpy.zeros((100, 50), "f4"))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return model.SerializeToString()


def _changed(change):
    model = _model(numpy.zeros((100, 50), "f4"))
    change(model)
    return model.SerializeToString()


def _cut_tensor(model):
    model.graph.initializer[0].raw_data = bytes(19_999)


BAD_MODELS = {
    "absolute": (_external(location="/etc/passwd"), "not a clean path"),
    "dot-dot": (_external(location="../w"), "not a clean path"),
    "no-location": (_external(offset="0"), "not a clean path"),
    "other-length": (_external(location="w", length="5"), "takes 20000 bytes"),
    "negative-offset": (_external(location="w", offset="-1"), "offset '-1'"),
    "empty-offset": (_external(location="w", offset=""), "offset '', which onnxruntime refuses"),
    "unknown-entry": (_external(location="w", basepath="x"), "basepath 'x', which onnxruntime refuses"),
    "location-is-the-folder": (_external(location="./"), "not a clean path"),
    "truncated-tensor": (_changed(_cut_tensor), "but has 19999"),
    "unknown-operator": (_changed(lambda m: setattr(m.graph.node[0], "op_type", "NoSuch")), "No Op registered"),
    "input-from-nowhere": (_changed(lambda m: m.graph.node[0].input.append("z")), "z"),
    "no-opset": (_changed(lambda m: m.ClearField("opset_import")), "opset"),
    "cut": (_changed(lambda m: None)[:-5], "reaches past its message"),
    "text": (b"hello", "field 13"),
}  # fmt: skip


def test_external_data_beside_the_model_by_a_dot():
    """A location may start with `./`, as for onnx and onnxruntime."""
    assert (Need("sub/w.data", 20_000),) == _check(_external(location="./w.data"), "sub/m.onnx").needs


@pytest.mark.parametrize("type", [27, 28])
def test_onnx_floats_of_six_bits(type):
    """FLOAT6 takes three bytes for four elements."""
    tensor = TensorProto(name="v", data_type=type, dims=[400], raw_data=bytes(300))
    assert "onnx" == _check(_changed(lambda model: model.graph.initializer.append(tensor)), "m").format


def test_onnx_sparse_tensors_need_external_data():
    """A sparse tensor's values and indices may lie in another file."""

    def add(model):
        sparse = model.graph.sparse_initializer.add(dims=[100])
        for tensor, type, offset in (
            (sparse.values, TensorProto.FLOAT, "0"),
            (sparse.indices, TensorProto.INT64, "12"),
        ):
            tensor.name, tensor.data_type, tensor.data_location = "s", type, TensorProto.EXTERNAL
            tensor.dims.append(3)
            tensor.external_data.add(key="location", value="s.data")
            tensor.external_data.add(key="offset", value=offset)

    assert {Need("s.data", 12), Need("s.data", 36)} == set(_check(_changed(add), "m.onnx").needs)


def test_onnx_node_with_a_compiled_model():
    """What a node embeds, such as a context of 2 MB for an accelerator, is not looked at."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft", ep_cache_context=bytes(2 << 20))
    opsets = [helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("", 18)]
    model = helper.make_model(helper.make_graph([node], "g", [value], []), opset_imports=opsets)
    assert "onnx" == _check(model.SerializeToString(), "m").format


def test_onnx_lists_of_numbers_are_what_the_checker_sees():
    """Numbers of an attribute are copied; one that hides a tensor behind them is refused."""
    node = helper.make_node("N", ["x"], ["y"], domain="com.microsoft", numbers=[1.0] * 5000, whole=list(range(5000)))
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    opsets = [helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("", 18)]
    model = helper.make_model(helper.make_graph([node], "g", [value], []), opset_imports=opsets)
    assert "onnx" == _check(model.SerializeToString(), "m").format
    model.graph.node[0].attribute[0].t.CopyFrom(helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0]))
    model.graph.node[0].attribute[0].tensors.add(name="u")
    with pytest.raises(ModelkilnError, match="not a valid ONNX model"):
        _check(model.SerializeToString(), "m")


def test_onnx_of_two_gigabytes_in_one_file_is_refused(tmp_path):
    """Neither onnx nor onnxruntime can parse it."""
    with (tmp_path / "m.onnx").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(ModelkilnError, match="more than an ONNX model can have in one file"):
        check_file("m.onnx", lambda: (tmp_path / "m.onnx").open("rb"), 2 << 30, OPTIONS)


def _npy(header, data, version=1):
    text = header.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + data


@pytest.mark.parametrize(
    "version, descr, shape, size",
    [
        (1, "'<f4'", "(3L,)", 12),
        (1, "'<f4'", "(3L, 2L)", 24),
        (2, "[('3L', '<f4', (2L,)), ('x', '|S3')]", "(2L,)", 22),
    ],
)
def test_arrays_of_python_2_are_taken(version, descr, shape, size):
    """Their numbers may end in L, which numpy drops, alone and in an archive; texts stay as they are."""
    data = _npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", bytes(size), version)
    with pytest.warns(UserWarning, match="created on Python 2"):
        array = numpy.load(io.BytesIO(data))
    assert size == array.nbytes
    assert "npy" == _check(data).format
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("w.npy", data)
    assert "zip" == _check(archive.getvalue(), "w.npz").format


@pytest.mark.parametrize("version, shape", [(3, "(3L,)"), (1, "(3LL,)"), (1, "(L,)"), (1, "('3'L,)")])
def test_other_numbers_are_refused(version, shape):
    """As numpy refuses them, which knows no Python 2 of format version 3."""
    data = _npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}", bytes(12), version)
    with pytest.raises(ValueError):
        numpy.load(io.BytesIO(data))
    with pytest.raises(ModelkilnError, match="not a valid npy file"):
        _check(data)


@pytest.mark.parametrize("case", BAD_MODELS)
def test_bad_onnx_model_is_refused(case):
    """What the checker of `onnx` refuses, and sizes and paths that it does not look at."""
    data, message = BAD_MODELS[case]
    with pytest.raises(ModelkilnError, match=f"^src/demo:weights: m.onnx: not a valid ONNX model: .*{message}"):
        _check(data, "m.onnx")


def test_shards_of_an_index_are_needed():
    """An index names the shards that must be in the artifact, and these must be safetensors."""
    index = json.dumps({"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode()
    finding = _check(index, "x/m.safetensors.index.json")
    assert finding.needs == (Need("x/m-1.safetensors", 0, ("a",)), Need("x/m-2.safetensors", 0, ("b",)))
    shard = Finding("x/m-1.safetensors", 10, "safetensors")
    with pytest.raises(ModelkilnError, match=r"'x/m-2.safetensors', which is not in the artifact") as error:
        check_set([finding, shard], OPTIONS)
    assert 'exclude=["x/m.safetensors.index.json"]' in str(error.value)
    with pytest.raises(ModelkilnError, match="is not a safetensors file"):
        check_set([finding, shard, Finding("x/m-2.safetensors", 10, "pickle")], OPTIONS)
    with pytest.raises(ModelkilnError, match="not a clean path"):
        _check(json.dumps({"weight_map": {"a": "../m.safetensors"}}).encode(), "m.safetensors.index.json")


def test_a_shard_has_the_tensors_that_its_index_names():
    """A loader would leave one that is missing as it was initialised; what the index lacks, transformers loads."""
    index = json.dumps({"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}).encode()
    one, two = (safetensors.numpy.save({name: numpy.zeros(2, "f4") for name in names}) for names in (["a"], ["b", "c"]))
    files = {"x/m.safetensors.index.json": index, "x/m-1.safetensors": one, "x/m-2.safetensors": two}
    check_set([_check(data, path) for path, data in files.items()], OPTIONS)
    swapped = {**files, "x/m-1.safetensors": two}
    with pytest.raises(ModelkilnError) as error:
        check_set([_check(data, path) for path, data in swapped.items()], OPTIONS)
    assert (
        "src/demo:weights: x/m.safetensors.index.json: names the tensor 'a' in the shard 'x/m-1.safetensors', which "
        "lacks it. Index and shards are of two versions: fetch them again together, or save the model again."
    ) == str(error.value)
    # One whose content is not here, and was checked before.
    check_set(
        [
            _check(index, "m.safetensors.index.json"),
            *(Finding(f"m-{number}.safetensors", 90, "safetensors") for number in (1, 2)),
        ],
        OPTIONS,
    )


@given(
    st.sampled_from(["a", "a.onnx", "a.safetensors", "a.bin"]),
    st.sampled_from(
        [b"", b"PK", b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd", b"\x93NUMPY\x01\0", b"\x08\x07", b"\x80\x04"]
    ),
    st.binary(max_size=600),
    st.sampled_from([b"", b"PK\x05\x06" + bytes(18)]),
)
def test_short_cut_takes_nothing_for_unknown(path, start, rest, end):
    """A small file that no check is made of would have come out of all of them as unknown."""
    data = start + rest + end or b"x"
    if _has_no_sign(path, data):
        with mock.patch.object(check, "_has_no_sign", lambda path, data: False):
            assert "unknown" == check_file(path, lambda: io.BytesIO(data), len(data), Options("a:b", None)).format


def test_finding_survives_json():
    """A finding is read back from its JSON as it was."""
    finding = Finding("a", 3, "onnx", ("x.y",), (Need("b", 4, ("t",)),), ("t", "u"))
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


def test_large_pickle_takes_little_memory(tmp_path):
    """A gigabyte of bytes in a pickle is passed over."""
    path = tmp_path / "m.pkl"
    with path.open("wb") as stream:
        stream.write(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 30))
        stream.seek(1 << 30, os.SEEK_CUR)
        stream.write(b".")
    code = (
        "import re, sys; from modelkiln.checks.check import Options, check_file; p = sys.argv[1]\n"
        "f = check_file('m.pkl', lambda: open(p, 'rb'), (1 << 30) + 12, Options('a', ()))\n"
        "peak = re.search('VmHWM:(.*) kB', open('/proc/self/status').read())[1]\n"
        "print(f.format, int(peak) < 50_000)"
    )
    environment = {"PYTHONPATH": str(Path(modelkiln.__path__[0]).parent)}
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "pickle True\n"


def test_checking_an_onnx_model_imports_only_the_checker(tmp_path):
    """Not the whole package, whose numpy and protobuf take longer to import than a model to check."""
    (tmp_path / "m.onnx").write_bytes(_model(numpy.ones((2, 3), "float32")).SerializeToString())
    script = (
        "import os, sys; from modelkiln.checks.check import Options, check_file; path = sys.argv[1]\n"
        "found = check_file('m.onnx', lambda: open(path, 'rb'), os.stat(path).st_size, Options('x'))\n"
        "print(found.format, 'numpy' in sys.modules)\n"
        "import onnx; onnx.checker.check_model(path); print('numpy' in sys.modules)"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "m.onnx")]
    done = subprocess.run(argv, env={"PYTHONPATH": python_path()}, stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().split() == ["onnx", "False", "True"]


def _torch_script(**pickles):
    """What torch.jit.save writes, as far as pickles go: members of the model's folder by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in pickles.items():
            archive.writestr(f"model/{name}.pkl", proto(2, data))
        archive.writestr("model/code/__torch__.py", "class M(Module):\n  pass\n")
    return stream.getvalue()


def test_a_file_of_torch_jit_save():
    """What PyTorch itself wrote: the names that are advised, and no more, let it through."""
    data = (Path(__file__).parent / "torch_script.pt").read_bytes()
    with pytest.raises(ModelkilnError, match="torch_script.pt: net/data.pkl: is a pickle") as error:
        _check(data, "torch_script.pt")
    advised = tuple(ast.literal_eval(re.search(r"allow_pickle=(\[.*\])\.$", str(error.value))[1]))
    tensors = ("torch.BFloat16Storage", "torch.FloatStorage", "torch._utils._rebuild_tensor_v2", "torch.device")
    assert ("collections.OrderedDict", *tensors) == advised
    with pytest.raises(ModelkilnError, match=r"allow_code=\['torchscript:torch_script.pt'\]"):
        _check(data, "torch_script.pt", advised)
    finding = _check(data, "torch_script.pt", advised, ("torchscript:torch_script.pt",))
    assert ("zip", set(advised)) == (finding.format, set(finding.imports))
    for name in advised[1:]:
        with pytest.raises(ModelkilnError, match=f"imports {name}, which the field `allow_pickle` does not list"):
            _check(data, "torch_script.pt", tuple(one for one in advised if one != name))


def test_torch_script():
    """What every saved model has is known; the other names of all its pickles are advised at once, and lead on."""
    list_of_ints = b"0".join([call("__torch__.nn", "M"), call("torch.jit._pickle", "build_intlist", b"]\x85")])
    data = _torch_script(data=list_of_ints, constants=call("collections", "OrderedDict"))
    with pytest.raises(ModelkilnError, match=r"allow what it imports: allow_pickle=\['collections.OrderedDict'\]"):
        _check(data, "model.pt")
    with pytest.raises(ModelkilnError, match=r"allow_code=\['torchscript:model.pt'\]"):
        _check(data, "model.pt", ("collections.OrderedDict",))
    found = _check(data, "model.pt", ("collections.OrderedDict",), ("torchscript:model.pt",))
    assert (("collections.OrderedDict",), ("torchscript:model.pt",)) == (found.imports, found.code)
    with pytest.raises(ModelkilnError, match="torch.jit.load, which can run anything"):
        _check(_torch_script(data=call("torch.jit", "load")), "model.pt", ())
