"""Pickles of every known attack shape are refused, also where the target allows some names."""

import bz2
import codecs
import gzip
import io
import lzma
import pickle
import struct
import zipfile
import zlib
from contextlib import suppress

import joblib
import joblib.numpy_pickle_compat
import numpy
import pytest
from samples import pickles
from samples.pickles import ALLOWED, STOP, call, in_tar, in_zip, npy, proto, text

from modelkiln.checks.check import Options, check_file
from modelkiln.errors import ModelkilnError

ORDERED = b"ccollections\nOrderedDict\n"
EVIL = proto(2, call())
_LONG = 0x1950A86A20F9469CFC6C


def _encrypted():
    data = bytearray(in_zip("archive/data.pkl", EVIL))
    for start in (6, data.rindex(b"PK\x01\x02") + 8):
        data[start] |= 1
    return bytes(data)


def _wrong_checksum():
    data = bytearray(in_zip("archive/data.pkl", EVIL))
    for start in (14, data.rindex(b"PK\x01\x02") + 16):
        data[start : start + 4] = b"\0\0\0\0"
    return bytes(data)


def _other_local_name():
    data = bytearray(in_zip("archive/data.pkl", EVIL))
    data[30:46] = b"archive/text.txt"
    return bytes(data)


def _without_a_name():
    """zipfile drops what follows a null byte in a name."""
    return in_zip("archive/data.pkl", EVIL).replace(b"archive/data.pkl", b"\0rchive/data.pkl")


def _directory_too_far_on():
    """The end of an archive says where its directory begins; zipfile moves members by the difference to where it is."""
    data = bytearray(in_zip("archive/data.pkl", EVIL))
    data[-6:-2] = (int.from_bytes(data[-6:-2], "little") + 40).to_bytes(4, "little")
    return bytes(data)


def _two_members():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("archive/data.pkl", pickle.dumps(1))
        archive.writestr("archive/data.pkl", EVIL)
    return stream.getvalue()


def _nested(count):
    data = EVIL
    for _ in range(count):
        data = in_zip("model.zip", data)
    return data


def _safetensors_and_pickle():
    # The header's length starts with 0x58, the opcode of a text as long as the next four bytes say. From
    # there one short text after the other leads through a string of the header into the tensor.
    length, first = 0x6058, 5 + 0x60
    start = b'{"w":{"dtype":"U8","shape":[200],"data_offsets":[0,200]},"__metadata__":{"a":"'
    chain = b"a" * (first - 8 - len(start)) + (b"U~" + b"a" * 126) * 200
    header = start + chain[: length - len(start) - 3] + b'"}}'
    landing = (first - 8 - length) % 128
    return struct.pack("<Q", length) + header + (b"a" * landing + call() + STOP).ljust(200, b"a")


def _lzma(dictionary):
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": dictionary}]
    return lzma.compress(EVIL, lzma.FORMAT_ALONE, filters=filters)


def _zfile(space=b""):
    stream = io.BytesIO()
    joblib.numpy_pickle_compat.write_zfile(stream, EVIL)
    return stream.getvalue()[:21] + space + stream.getvalue()[21:]


def _joblib_and_pickle():
    # joblib takes these bytes for the padding before an array, any other unpickler for opcodes.
    stream = io.BytesIO()
    joblib.dump(numpy.arange(8), stream)
    start, _, end = stream.getvalue().partition(b"\xff\xff")
    return start[:-1] + b")" + (call() + STOP).ljust(ord(")"), b"a") + end.lstrip(b"\xff")


JOBLIB = ("joblib.numpy_pickle.NumpyArrayWrapper", "numpy.dtype", "numpy.ndarray")
SHAPES = {
    "reduce": EVIL,
    "reduce-protocol-0": call() + STOP,
    "reduce-protocol-4": pickle.dumps(codecs.lookup, 4),
    "text-protocol": b"cos\nsystem\n(S'true'\ntR.",
    "inst": b"(ios\ngetcwd\n.",
    "inst-in-protocol-2": proto(2, b"(ios\ngetcwd\n"),
    "obj": proto(1, b"(cos\ngetcwd\no"),
    "newobj": proto(2, b"cos\ngetcwd\n)\x81"),
    "newobj-ex": proto(4, text("os") + text("getcwd") + b"\x93)}\x92"),
    "stack-global": proto(4, text("os") + text("getcwd") + b"\x93)R"),
    "stack-global-without-start": text("os") + text("getcwd") + b"\x93)R.",
    "stack-global-from-memo": proto(4, text("getcwd") + b"\x94" + text("os") + b"h\x00\x93)R"),
    "stack-global-of-byte-strings": proto(4, b"U\x02osU\x06getcwd\x93)R"),
    "stack-global-of-a-computed-name": proto(4, text("os") + ORDERED + b")R\x93)R"),
    "stack-global-of-a-long-name": proto(4, text("os") + b"X\x00\x10\x00\x00" + b"x" * 4096 + b"\x93)R"),
    "memo-overwritten": proto(
        4, text("collections") + b"q\x00" + text("os") + b"q\x000h\x00" + text("getcwd") + b"\x93)R"
    ),
    "memo-not-there": proto(2, b"h\x07"),
    "build-on-a-class": proto(2, ORDERED + b"}" + text("pop") + b"N\x86sb"),
    "build-on-a-result-of-a-name-not-listed": proto(2, call("demo", "Thing") + b"}b"),
    "call-of-a-computed-object": proto(2, ORDERED + b")R)R"),
    "setitem-on-a-class": proto(2, ORDERED + text("a") + b"Ns"),
    "global-not-listed": proto(2, call("numpy", "array")),
    "listed-name-elsewhere": proto(2, call("os", "OrderedDict")),
    "listed-name-with-a-dot-in-it": proto(4, text("collections.OrderedDict") + text("__init__.__globals__") + b"\x93"),
    "attribute-of-a-listed-name": proto(4, text("collections") + text("OrderedDict.__init__.__globals__") + b"\x93"),
    "module-hidden-in-the-name": proto(4, text("torch") + text("_utils._rebuild_tensor_v2.__globals__") + b"\x93"),
    "python-2-name": proto(2, call("__builtin__", "eval", text("1") + b"\x85")),
    "builtins-getattr": proto(2, call("builtins", "getattr", b"N" + text("x") + b"\x86")),
    "numpy-runstring": proto(2, call("numpy.testing._private.utils", "runstring", b"N}\x86")),
    "runpy": proto(2, call("runpy", "_run_code", text("1") + b"}\x86")),
    "pickle-in-a-pickle": proto(2, call("pickle", "loads", b"C" + bytes([len(EVIL)]) + EVIL + b"\x85")),
    "extension-1": proto(2, b"\x82\x01)R"),
    "extension-2": proto(2, b"\x83\x01\x00)R"),
    "extension-4": proto(2, b"\x84\x01\x00\x00\x00)R"),
    "persistent-id": proto(2, text("x") + b"Q"),
    "persistent-id-as-text": proto(0, b"Px\n"),
    "out-of-band-buffer": proto(5, b"\x97"),
    "cut-before-stop": EVIL[:-1],
    "cut-within-an-argument": proto(2, call() + b"X\xff\x00\x00\x00ab"),
    "no-opcode-after-the-call": b"\x80\x02" + call() + b"\xff",
    "second-pickle": pickle.dumps({"a": 1}) + EVIL,
    "bytes-after-stop": pickle.dumps({"a": 1}) + b"\0\0cos\ngetcwd\n",
    "second-pickle-without-start": b"N." + call() + STOP,
    "after-a-dict-that-build-leaves-alone": b"}Nb0" + call() + STOP,
    "after-an-endless-line": b"S'" + b"a" * (1 << 21) + b"'\n0" + call() + STOP,
    "after-a-hidden-memo": b"Np" + b"0" * 5000 + b"1\n0" + call() + STOP,
    "newline-in-a-name": proto(4, text("os\n") + text("getcwd") + b"\x93)R"),
    "name-of-two-words": proto(2, b"cos path\njoin\n)R"),
    "many-frames": proto(4, b"\x95\x08\0\0\0\0\0\0\0" + call() + b"\x95\xff\0\0\0\0\0\0\0"),
    "too-many-values": b"\x80\x02" + b"N" * 5_100_000 + b".",
    "torch-zip": in_zip("archive/data.pkl", EVIL),
    "torch-zip-compressed": in_zip("archive/data.pkl", EVIL, zipfile.ZIP_DEFLATED),
    "zip-of-bz2": in_zip("archive/data.pkl", EVIL, zipfile.ZIP_BZIP2),
    "zip-under-another-name": in_zip("weights/0", EVIL),
    "zip-behind-other-bytes": b"\0" * 100 + in_zip("archive/data.pkl", EVIL),
    "zip-said-to-be-encrypted": _encrypted(),
    "zip-with-a-wrong-checksum": _wrong_checksum(),
    "zip-with-two-names": _other_local_name(),
    "zip-with-a-member-twice": _two_members,
    "zip-with-a-directory-too-far-on": _directory_too_far_on(),
    "zip-with-a-member-without-a-name": _without_a_name(),
    "zip-in-a-zip": _nested(2),
    "zips-without-end": _nested(8),
    "zip-that-ends-early": in_zip("archive/data.pkl", EVIL)[:-30],
    "tar": in_tar("pickle", EVIL),
    "tar-in-gzip": gzip.compress(in_tar("pickle", EVIL), mtime=0),
    "npy-of-objects": npy(EVIL),
    "npy-of-records-with-objects": npy(EVIL, "[('a', '<f8'), ('b', [('c', '|O')])]"),
    "npy-with-code-in-its-header": npy(b"", "__import__('os').getcwd()"),
    "npy-in-a-zip": in_zip("a.npy", npy(EVIL)),
    "gzip": gzip.compress(EVIL, mtime=0),
    "zlib": zlib.compress(EVIL),
    "bz2": bz2.compress(EVIL),
    "xz": lzma.compress(EVIL),
    "lzma": lzma.compress(EVIL, lzma.FORMAT_ALONE),
    "gzip-in-gzip": gzip.compress(gzip.compress(EVIL, mtime=0), mtime=0),
    **{f"lzma-with-a-dictionary-of-{size}": _lzma(size) for size in (1 << 12, 3 << 11, 1 << 15, 1 << 26)},
    "oldest-joblib": _zfile(),
    "oldest-joblib-of-python-2": _zfile(b" "),
    "lz4": b"\x04\x22\x4d\x18" + b"\0" * 20,
    "gzip-that-ends-early": gzip.compress(EVIL, mtime=0)[:25],
    "torch-legacy": b"".join(pickle.dumps(part, 2) for part in (_LONG, 1001, {})) + EVIL,
    "torch-legacy-cut": pickle.dumps(_LONG, 2),
    "safetensors-too": _safetensors_and_pickle,
    "joblib-too": _joblib_and_pickle,
}


EVERYTHING = (
    "*", "collections.*", "os.system", "builtins.eval", "builtins.getattr", "functools.partial", "pickle.loads",
    "torch.load", "dict", "", "collections.OrderedDict.", 1,
)  # fmt: skip
# The lines read as imports of ar.person and at.dog, and a BUILD of one with the other.
LABELS = b"car\nperson\ncat\ndog\nbus\n"
OTHER = (
    b"", b"\0" * 4096, b"cat\ndog\nbird\n", b"config\nfoo\nbar\n", b"[PAD]\n(a)\n", b'{"a": 1}', b"I like it\n",
    b"P6 1 1\n", b"PK", b"GGJT\x03\0\0\0" + b"\0" * 64, b"-----BEGIN\n", b"# words\nc\nd\nR\n", bytes(range(256)) * 64,
    LABELS, b"coral\nblack\nVan\nboat\n", b"N.", b"N.\n", b"].", b"NN.\n", b"I1\n.",
)  # fmt: skip


def _check(data, allowed, path="model.bin"):
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("src/demo:weights", allowed))


@pytest.mark.parametrize("allowed", [None, (*ALLOWED, *JOBLIB)], ids=["refused", "listed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_attack_shape_is_refused(shape, allowed):
    """Each shape is an error that names target and file, whether pickles are allowed or not."""
    data = SHAPES[shape]() if callable(SHAPES[shape]) else SHAPES[shape]
    with pytest.raises(ModelkilnError, match=r"^src/demo:weights: model\.bin: "):
        _check(data, allowed)


@pytest.mark.parametrize("name", EVERYTHING)
def test_list_cannot_allow_everything(name):
    """Wildcards, and names with which a pickle can do anything, are not names for the list."""
    with pytest.raises(ModelkilnError, match="src/demo:weights: allow_pickle has"):
        Options("src/demo:weights", (name,))


def test_error_names_what_to_list():
    """The error for a refused pickle lists the names that it imports, in the form of the field."""
    with pytest.raises(ModelkilnError, match=r"allow_pickle=\['collections.OrderedDict'\]"):
        _check(pickles.proto(2, ORDERED + b")R"), None)


def test_random_weights_are_left_alone():
    """Of many files of random numbers none passes for a pickle, and few with the two bytes of its start."""
    random = numpy.random.default_rng(1)
    taken = 0
    for _ in range(2000):
        data = random.bytes(4096)
        assert _check(data, None).format == "unknown"
        with suppress(ModelkilnError):
            taken += _check(b"\x80\x04" + data, None).format == "unknown"
    assert 1900 < taken
    assert _check(b"\x80\x04" + bytes(4096), None).format == "unknown"


@pytest.mark.parametrize("data", OTHER)
def test_other_data_are_left_alone(data):
    """Texts and numbers that happen to start with an opcode are not pickles."""
    assert _check(data, None).format == "unknown"


def test_labels_appended_to_a_model_are_left_alone():
    """A list of labels in a zip behind a TFLite model, where its tools put it, is not a pickle."""
    stream = io.BytesIO()
    stream.write(b"\x1c\0\0\0TFL3" + bytes(3000))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", LABELS)
    assert "zip" == _check(stream.getvalue(), None, "model.tflite").format


@pytest.mark.parametrize("state", [b"}S'a'\nI1\ns", b"(NI1\nt", b"cdemo\nThing\n)R"])
def test_state_of_a_class_is_refused(state):
    """Attributes that a pickle sets on a class that it imports are an act, also where it fails afterwards."""
    with pytest.raises(ModelkilnError, match="pickle"):
        _check(b"cdemo\nThing\n" + state + b"bu", None)


def test_old_pickles_of_data_are_pickles():
    """A list of texts of protocol 0, which imports nothing, is a pickle."""
    with pytest.raises(ModelkilnError, match="pickle"):
        _check(pickle.dumps(["a"], 0), None)
