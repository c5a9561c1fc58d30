"""What files state of their writers, for their readers. The samples are of real releases."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from functools import partial
from pathlib import Path

import pytest

from modelkiln.checks.protobuf import encode_bytes, encode_varint
from modelkiln.checks.traits.file import survey
from modelkiln.checks.traits.trait import HEADERS_ONLY, IMPORT, NOTHING, Trait

SAMPLES = Path(__file__).parent / "samples"


def surveyed(data, path="model.bin"):
    """What `data` states."""
    return survey(path, partial(io.BytesIO, data), len(data))


def traits_of(data, path="model.bin"):
    """Its traits but for the names that it imports."""
    return {trait for trait in surveyed(data, path).traits if trait.kind != IMPORT}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xgboost-3.0.5.ubj", {Trait("xgboost", "3.0.5")}),
        ("xgboost-3.1.1.json", {Trait("xgboost", "3.1.1")}),
        ("xgboost-3.1.1.ubj", {Trait("xgboost", "3.1.1")}),
        ("lightgbm-4.6.0.txt", {Trait("lightgbm-format", "v4"), Trait("lightgbm-feature", "linear_tree")}),
        ("sklearn-1.3.2-tree.pkl", {Trait("scikit-learn", "1.3.2")}),
        ("sklearn-1.7.2-tfidf.pkl", {Trait("scikit-learn", "1.7.2")}),
    ],
)
def test_a_file_names_its_writer(name, expected):
    """In its header, or in the objects of its pickle."""
    assert expected == traits_of((SAMPLES / name).read_bytes(), name)


def test_a_compressed_pickle_is_looked_into():
    """As joblib writes it."""
    data = zlib.compress((SAMPLES / "sklearn-1.3.2-tree.pkl").read_bytes())
    assert {Trait("scikit-learn", "1.3.2")} == traits_of(data, "model.joblib")


def test_the_release_at_the_end_of_a_large_model_is_found():
    """XGBoost writes it last; what comes before is passed over."""
    head, tail = b'{"learner":{"attributes":{"a":"', b'"}},"version":[3,2,0]}'
    assert {Trait("xgboost", "3.2.0")} == traits_of(head + b"x" * (1 << 20) + tail)


@pytest.mark.parametrize(
    ("score", "is_half"), [("[5E-1]", True), ("[5E-1,5E-1]", True), ("[7E-1]", False), ("5E-1", False)]
)
def test_a_base_score_that_older_releases_of_xgboost_take_for_the_same(score, is_half):
    """Of 0.5, their default."""
    learner = {"attributes": {}, "learner_model_param": {"base_score": score}}
    text = json.dumps({"learner": learner, "version": [3, 1, 1]})
    assert is_half == (Trait("xgboost-feature", "base_score-0.5") in traits_of(text.encode()))


def test_a_file_of_skops_names_its_release_and_its_loaders():
    """Those that stand anywhere in its schema, however large the file is otherwise."""
    node = {"__class__": "CyHalfBinomialLoss", "__module__": "_loss", "__loader__": "LossNode"}
    schema = {"__loader__": "ObjectNode", "content": {"content": [node]}, "_skops_version": "0.16.0"}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("1.npy", bytes(2 << 20))
        archive.writestr("schema.json", json.dumps(schema))
    expected = {Trait("skops", "0.16.0"), *(Trait("skops-loader", name) for name in ("LossNode", "ObjectNode"))}
    assert expected == traits_of(stream.getvalue(), "model.skops")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("p/archive_format", "p/models/model.json"), {Trait("torch-export", "models-folder")}),
        (("p/archive_format", "p/serialized_exported_program.json"), set()),
        (("web/models/model.json",), set()),
    ],
)
def test_the_layout_of_an_exported_program(names, expected):
    """By the names in the archive, whose folder is called as the file was."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    assert expected == traits_of(stream.getvalue(), "program.pt2")


@pytest.mark.parametrize(
    ("alignment", "kind", "expected"),
    [
        (16, "f8", {Trait("joblib-feature", "aligned-arrays")}),
        (None, "f8", set()),
    ],
)
def test_arrays_of_joblib_that_are_aligned(alignment, kind, expected):
    """Bytes before the values came with a release, and an attribute says so."""
    assert expected == traits_of(joblib_array(alignment, kind), "model.joblib")


def joblib_array(alignment, kind):
    """An array of one zero as joblib writes it, whose wrapper has this alignment."""
    state = f"(dVsubclass\ncnumpy\nndarray\nsVshape\nI1\n\x85sVorder\nVC\nsVdtype\ncnumpy\ndtype\n(V{kind}\ntR"
    state += "sVallow_mmap\nI01\ns" + (f"Vnumpy_array_alignment_bytes\nI{alignment}\ns" if alignment else "")
    head = f"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81{state}b".encode("latin-1")
    return head + (b"\x01\xff" if alignment else b"") + bytes(8) + b"."


def test_a_pickle_that_calls_what_a_call_returned_is_followed():
    """As those of cloudpickle do: what it imports last counts as well."""
    data = b"\x80\x02ccloudpickle.cloudpickle\n_builtin_type\nX\x08\0\0\0CodeType\x85R)Rccollections\nOrderedDict\n."
    names = {trait.value for trait in surveyed(data, "function.pkl").traits}
    assert {"cloudpickle.cloudpickle._builtin_type", "collections.OrderedDict"} == names


def test_a_model_of_onnx_states_its_format_and_operators():
    """The IR version, and the opset of each domain; the graph is not read."""
    opsets = encode_bytes(8, encode_bytes(1, b"") + b"\x10" + encode_varint(27))
    opsets += encode_bytes(8, encode_bytes(1, b"ai.onnx.ml") + b"\x10\x05")
    data = b"\x08\x0e" + encode_bytes(7, b"\xff" * 100) + opsets
    expected = {Trait("onnx-ir", "14"), Trait("onnx-opset", "27"), Trait("onnx-opset:ai.onnx.ml", "5")}
    assert expected == traits_of(data)


def test_types_and_names_of_tensors():
    """From the header of safetensors."""
    tensors = {"w": ("F8_E8M0", [0, 4]), "exp_avg": ("F32", [4, 8])}
    listed = {name: {"dtype": kind, "shape": [1], "data_offsets": place} for name, (kind, place) in tensors.items()}
    header = json.dumps(listed).encode()
    found = surveyed(struct.pack("<Q", len(header)) + header + bytes(8))
    assert {Trait("safetensors-type", "F8_E8M0"), Trait("safetensors-type", "F32")} == found.traits
    assert (("exp_avg", "F32"), ("w", "F8_E8M0")) == found.tensors


def tokenizer(**fields):
    """A tokenizer.json."""
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": [], **fields.pop("model", {})}
    return json.dumps({"version": "1.0", "truncation": None, "added_tokens": [], **fields, "model": model}).encode()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tokenizer(), set()),
        (tokenizer(model={"merges": [["a", "b"]]}), {"merges-as-pairs"}),
        (tokenizer(model={"ignore_merges": True, "byte_fallback": True}), {"ignore_merges", "byte_fallback:BPE"}),
        (tokenizer(model={"ignore_merges": False, "byte_fallback": False}), set()),
        (
            tokenizer(decoder={"type": "Sequence", "decoders": [{"type": "Fuse"}]}),
            {"decoder:Sequence", "decoder:Fuse"},
        ),
        (
            tokenizer(pre_tokenizer={"type": "Metaspace", "prepend_scheme": "always"}),
            {"pre_tokenizer:Metaspace", "pre_tokenizer:Metaspace.prepend_scheme"},
        ),
    ],
)
def test_features_of_a_tokenizer(data, expected):
    """Those that not every release of tokenizers has."""
    assert {Trait("tokenizer-feature", name) for name in expected} == traits_of(data, "tokenizer.json")


def test_releases_in_an_mlmodel():
    """Of the flavors, without a build's suffix."""
    text = b'flavors:\n  sklearn:\n    sklearn_version: 1.5.2\n  pytorch:\n    pytorch_version: "2.4.0+cpu"\n'
    assert {Trait("scikit-learn", "1.5.2"), Trait("torch", "2.4.0")} == traits_of(text, "model/MLmodel")


def test_a_model_of_keras_names_its_release():
    """In metadata.json of the archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.10.0"}')
        archive.writestr("config.json", "{}")
    assert {Trait("keras", "3.10.0")} == traits_of(stream.getvalue(), "model.keras")


def test_a_model_of_keras_names_its_classes_and_their_options():
    """Those of Keras alone, wherever they stand in the configuration."""
    layer = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1, "init": [
        {"module": "keras.initializers", "class_name": "Zeros", "config": {}}]}}  # fmt: skip
    own = {"module": "acme.layers", "class_name": "Own", "config": {"layers": [layer, {"class_name": 1}, "x"]}}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", json.dumps(own))
    expected = {
        *(Trait("keras-class", name) for name in ("keras.layers.Dense", "keras.initializers.Zeros")),
        *(Trait("keras-option", name) for name in ("Dense.units", "Dense.init")),
    }
    assert expected == traits_of(stream.getvalue(), "model.keras")


def test_keys_of_a_checkpoint_are_those_at_its_top():
    """Without loading what they stand for."""
    data = pickle.dumps({"model": {"w": 1}, "optimizer_state_dict": {"state": {}}}, 2)
    assert ("model", "optimizer_state_dict") == surveyed(data, "last.ckpt").keys


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04\x95",
        b"PK\x03\x04broken",
        b"GGUF\x03\0\0\0",
        b"\x1f\x8b\x08\0broken",
        tokenizer()[:-3],
        b"tree\nversion=v4\n"[:8],
        b'{"learner":{"attributes":{}},"version":["3"]}',
    ],
)
def test_a_damaged_file_states_nothing(data):
    """Its checks report it."""
    assert frozenset() == surveyed(data, "tokenizer.json").traits


def gguf(number, rest=b""):
    """A file with a tensor without elements of a type, and a chat template."""
    template = struct.pack("<Q", 23) + b"tokenizer.chat_template" + struct.pack("<IQ", 8, 4) + b"{{}}"
    tensor = struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 0, number, 0)
    data = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + template + tensor
    return data + bytes(-len(data) % 32) + rest


def test_types_and_templates_of_gguf():
    """The type also of a file that its check refuses for what follows."""
    found = surveyed(gguf(39), "model.gguf")
    assert ({Trait("gguf-type", "39")}, {"jinja:tokenizer.chat_template"}) == (set(found.traits), set(found.code))
    assert {Trait("gguf-type", "39")} == traits_of(gguf(39, bytes(256)), "model.gguf")


class _Counted(io.BytesIO):
    """A stream that counts what is read of it."""

    count = 0

    def read(self, size=-1):
        """Read, and count."""
        data = super().read(size)
        _Counted.count += len(data)
        return data


def zip_of(name, data):
    """A zip archive with a member as it is."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"optimizer": 1}, 2))
        archive.writestr(name, data)
    return stream.getvalue()


LARGE = bytes(HEADERS_ONLY + 1)
HEADER = json.dumps({"w": {"dtype": "U8", "shape": [len(LARGE)], "data_offsets": [0, len(LARGE)]}}).encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: struct.pack("<Q", len(HEADER)) + HEADER + LARGE,
        lambda: b'{"learner":{"attributes":{"a":"' + LARGE.replace(b"\0", b"a") + b'"}},"version":[3,2,0]}',
        lambda: b"\x08\x0e" + encode_bytes(7, LARGE) + encode_bytes(8, b"\x10\x1b"),
        lambda: zip_of("archive/data/0", LARGE),
        lambda: pickle.dumps({"optimizer": LARGE}, 4),
    ],
    ids=["safetensors", "xgboost", "onnx", "torch", "pickle"],
)
def test_of_a_large_file_the_headers_are_read(make):
    """And nothing is missed."""
    data = make()
    _Counted.count = 0
    found = survey("model.bin", partial(_Counted, data), len(data))
    assert found != NOTHING
    assert _Counted.count < 1 << 20


@pytest.mark.parametrize(
    ("path", "data", "format", "code"),
    [
        ("config.json", b'{"auto_map": {"AutoModel": "modeling.Net"}}', "", {"auto-map:modeling.Net"}),
        ("run.sh", b"#!/bin/sh\n", "", {"script:run.sh"}),
        ("tokenizer.json", tokenizer(), "tokenizer", set()),
        ("model.bin", pickle.dumps(json.loads, 4), "pickle", set()),
        (
            "model.onnx",
            b"\x08\x08" + encode_bytes(7, b"\x12\0") + encode_bytes(8, encode_bytes(1, b"com.acme") + b"\x10\x01"),
            "onnx",
            {"onnx-domain:com.acme"},
        ),
    ],
)
def test_format_and_code_of_a_file_of_others(path, data, format, code):
    """Where no check has found them before, as in an image of somebody else."""
    found = surveyed(data, path)
    assert (format, code) == (found.format, set(found.code))
