"""The readers of what others wrote, each as a function of bytes, and valid input that a fuzzer starts from.

A reader refuses bad input with ModelkilnError, PackageError of the runtime, or by returning problems. Whatever else it
raises is a fault, and so is what takes long or much memory.
"""

import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable

import numpy
import onnx
from samples import pickles
from samples.debs import LOCK_PATH, make_deb
from samples.headers import models as headers
from samples.headers import tokenizers as tokenizer_files
from samples.onnx_models import external_model
from samples.wheelhouse import make_wheel
from samples.wheels.sdists import make_sdist

from modelkiln.base.debian_lock import load_lock
from modelkiln.base.debian_package import iter_data, read_control
from modelkiln.base.portable_python_lock import InterpreterLock, load_interpreter_lock, python_path
from modelkiln.checks.check import Options, check_file
from modelkiln.descriptor import Descriptor
from modelkiln.document import parse_object
from modelkiln.errors import ModelkilnError
from modelkiln.image.entries import read_entries
from modelkiln.manifest.lock import read_lock
from modelkiln.package.signature import load_signature
from modelkiln.pinned_file import PinnedFile
from modelkiln.runtime.document import parse_json
from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.tensors import read_tensors, to_array
from modelkiln.validation.config import config_problems, index_problems, manifest_problems
from modelkiln.validation.layer import read_layer
from modelkiln.weights import lock as weights_lock
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock, load_weights_lock
from modelkiln.wheels.sdist import read_build_system, unpack_sdist
from modelkiln.wheels.wheel import open_wheel

__all__ = ["READERS", "Reader"]

REFUSALS = (ModelkilnError, PackageError)
_ROOT = Path(__file__).resolve().parents[2]
_MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.11.2", "os_name": "posix",
    "platform_machine": "x86_64", "platform_python_implementation": "CPython", "platform_release": "",
    "platform_system": "Linux", "platform_version": "", "python_full_version": "3.11.2", "python_version": "3.11",
    "sys_platform": "linux",
}  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """read: takes some bytes; `REFUSALS` are expected of it. seeds: valid input."""

    read: Callable[[bytes], Any]
    seeds: Callable[[], Iterable[bytes]]

    def accepts(self, data: bytes) -> bool:
        """Whether the reader takes `data`; raises what is a fault."""
        try:
            return not self.read(data)
        except REFUSALS:
            return False


def _check(path: str) -> Callable[[bytes], None]:
    options = Options("fuzz", allow_pickle=pickles.ALLOWED)

    def read(data: bytes) -> None:
        check_file(path, lambda: io.BytesIO(data), len(data), options)

    return read


def _read_layer(media_type: str) -> Callable[[bytes], list]:
    def read(data: bytes) -> list:
        found = read_layer(io.BytesIO(data), media_type, ours=True)
        return found.problems + found.unconventional

    return read


def _read_deb(data: bytes) -> None:
    read_control(io.BytesIO(data), "fuzz")
    for _, content in iter_data(io.BytesIO(data), "fuzz"):
        if content is not None:
            content.read()


def _read_wheel(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with open_wheel(Path(file.name), "demo-1.0-py3-none-any.whl", "demo", "1.0") as wheel:
            for one in wheel.files:
                wheel.read(one.path)


def _read_sdist(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, unpacked = Path(folder, "demo-1.0.tar.gz"), Path(folder, "demo")
        archive.write_bytes(data)
        unpack_sdist(archive, archive.name, unpacked)
        read_build_system(unpacked, "demo 1.0")


def _read_request(data: bytes) -> None:
    request = parse_json(data, "fuzz")
    if not isinstance(request, dict):
        raise PackageError("not an object")
    for tensor in read_tensors(request.get("inputs"), "input", "fuzz"):
        to_array(tensor)


def _as_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ModelkilnError("not JSON") from None


def _read_manifest(data: bytes) -> list:
    value = _as_json(data)
    if not isinstance(value, dict):
        raise ModelkilnError("not an object")
    list(index_problems(value)), list(config_problems(value, 1))
    read_entries(value["manifests"] if isinstance(value.get("manifests"), list) else [], "fuzz")
    for layer in value["layers"] if isinstance(value.get("layers"), list) else []:
        Descriptor.from_json(layer)
    return list(manifest_problems(value))


def _read_weights_lock(text: str) -> None:
    try:
        value = parse_object(text)
    except ValueError:  # It has no digest: it is read as it is.
        load_weights_lock(text, "fuzz")
        return
    value["digest"] = weights_lock._digest_of({key: value[key] for key in value if key != "digest"})
    load_weights_lock(json.dumps(value), "fuzz")


def _weights_lock_seeds() -> Iterable[bytes]:
    files = (LockedFile("model.onnx", _DIGEST[7:], 3, format="onnx"),)
    source = {"uri": "https://example.com/m", "revision": "", "include": ["*"], "exclude": []}
    yield WeightsLock(source, files, (LockedLayer(_DIGEST, 2048, ("model.onnx",)),)).to_text().encode()


def _interpreter_lock_seeds() -> Iterable[bytes]:
    path = python_path("3.11.14", "20251120", "amd64")
    yield InterpreterLock("3.11.14", "20251120", (PinnedFile(path, _DIGEST[7:], 1),)).to_text().encode()


def _text(read: Callable[[str], Any]) -> Callable[[bytes], None]:
    def taken(data: bytes) -> None:
        read(data.decode("utf-8", "replace"))

    return taken


def _onnx_seeds() -> Iterable[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        yield external_model(Path(folder))["model.onnx"]
        model = onnx.load(Path(folder, "model.onnx"))
        yield model.SerializeToString()


def _safetensors_seeds() -> Iterable[bytes]:
    header = {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "__metadata__": {"format": "np"}}
    text = json.dumps(header).encode()
    yield len(text).to_bytes(8, "little") + text + bytes(16)


def _pickle_seeds() -> Iterable[bytes]:
    yield pickles.torch_zip({"w": 1})
    yield pickles.torch_legacy({"w": 1})
    yield pickles.npy(b"", "'<f4'", "(0,)")
    out = io.BytesIO()
    numpy.savez(out, a=numpy.arange(3))
    yield out.getvalue()


def _lock_seeds() -> Iterable[bytes]:
    yield (_ROOT / "3rdparty/python/pypiserver.txt").read_bytes()
    digest = "a" * 64
    url = "https://example.com/demo-1.0-py3-none-any.whl"
    wheel = f'{{ url = "{url}", hashes = {{ sha256 = "{digest}" }} }}'
    package = f'[[packages]]\nname = "demo"\nversion = "1.0"\nwheels = [{wheel}]\n'
    yield f'lock-version = "1.0"\ncreated-by = "pip"\n{package}'.encode()
    yield (
        'version = 1\nrequires-python = ">=3.9"\n'
        '[[package]]\nname = "app"\nversion = "0"\nsource = { virtual = "." }\n'
        'dependencies = [{ name = "demo" }]\n[[package]]\nname = "demo"\nversion = "1.0"\n'
        'source = { registry = "https://example.com/simple" }\n'
        f'wheels = [{{ url = "{url}", hash = "sha256:{digest}" }}]\n'
    ).encode()


_SIGNATURE = (
    b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}], '
    b'"outputs": [{"name": "y", "datatype": "BYTES", "shape": [1]}]}'
)
_REQUEST = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2.5]]}]}'
_DIGEST = "sha256:" + "0" * 64
_MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": _DIGEST, "size": 2},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": _DIGEST, "size": 2}],
}


def _layer_seeds() -> Iterable[bytes]:
    from modelkiln.archives.tar import bytes_entry, write_tar

    out = io.BytesIO()
    write_tar([bytes_entry("a/b", b"text"), bytes_entry("a/run", b"#!", executable=True)], out)
    yield out.getvalue()


READERS = {
    "layer": Reader(_read_layer("application/vnd.oci.image.layer.v1.tar"), _layer_seeds),
    "deb": Reader(_read_deb, lambda: [make_deb([("./usr/x", b"x")], ending=end) for end in ("", ".gz", ".xz")]),
    "wheel": Reader(_read_wheel, lambda: [make_wheel()]),
    "sdist": Reader(_read_sdist, lambda: [make_sdist()]),
    "safetensors": Reader(_check("model.safetensors"), _safetensors_seeds),
    "onnx": Reader(_check("model.onnx"), _onnx_seeds),
    "pickle": Reader(_check("model.bin"), _pickle_seeds),
    "gguf": Reader(_check("model.gguf"), lambda: [headers.gguf_file()]),
    "xgboost": Reader(_check("model.ubj"), lambda: [headers.xgboost_model(), headers.xgboost_model("json")]),
    "lightgbm": Reader(_check("model.txt"), lambda: [headers.lightgbm_model()]),
    "tokenizer": Reader(_check("tokenizer.json"), lambda: [headers.tokenizer_json()]),
    "tiktoken": Reader(_check("a.tiktoken"), lambda: [tokenizer_files.tiktoken_file()]),
    "tekken": Reader(_check("tekken.json"), lambda: [tokenizer_files.tekken_json()]),
    "vocabulary": Reader(_check("vocab.json"), lambda: [tokenizer_files.saved_model("BPE")["vocab.json"]]),
    "merges": Reader(_check("merges.txt"), lambda: [tokenizer_files.saved_model("BPE")["merges.txt"]]),
    "manifest": Reader(_read_manifest, lambda: [json.dumps(_MANIFEST).encode()]),
    "python-lock": Reader(_text(lambda text: read_lock(text, "fuzz", _MARKERS)), _lock_seeds),
    "debian-lock": Reader(_text(lambda text: load_lock(text, "fuzz")), lambda: [LOCK_PATH.read_bytes()]),
    "interpreter-lock": Reader(_text(lambda text: load_interpreter_lock(text, "fuzz")), _interpreter_lock_seeds),
    "weights-lock": Reader(_text(_read_weights_lock), _weights_lock_seeds),
    "signature": Reader(_text(lambda text: load_signature(text, "fuzz")), lambda: [_SIGNATURE]),
    "request": Reader(_read_request, lambda: [_REQUEST]),
}
