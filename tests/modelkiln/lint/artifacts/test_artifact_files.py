"""Files of model artifacts that need not travel, and code among them."""

import hashlib
import io
import json
import pickle
import struct
from functools import partial

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import ArtifactFile, SourceFile, Subject


def found(*files, select=("fat", "hidden-code"), sources=()):
    """Pairs of rule and path."""
    subject = Subject("//:m", artifacts=tuple(map(file_of, files)), sources=tuple(sources))
    return [(one.rule, one.path) for one in lint(subject, Selection(select))]


def file_of(one):
    """A file: a path, a path with a size, or with bytes."""
    path, content = one if isinstance(one, tuple) else (one, b"")
    if isinstance(content, int):
        return ArtifactFile(path, content, sha256=hashlib.sha256(path.encode()).hexdigest())
    return ArtifactFile(path, len(content), hashlib.sha256(content).hexdigest(), open=partial(io.BytesIO, content))


def safetensors(*names):
    """A file with empty tensors of these names."""
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("checkpoint/optimizer.pt", "MK507"),
        ("rng_state_0.pth", "MK507"),
        ("global_step1/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", "MK507"),
        ("runs/events.out.tfevents.1700000000.host.1.0", "MK507"),
        (("model.safetensors", safetensors("w", "state.w.exp_avg")), "MK507"),
        (("train.parquet", 1000), "MK505"),
        (("data.csv", 2 << 20), "MK505"),
        ("finetune_lora.ipynb", "MK504"),
        ("modeling.py", "MK708"),
    ],
)
def test_what_need_not_travel(file, expected):
    """By names of files, of tensors, and by sizes."""
    path = file if isinstance(file, str) else file[0]
    assert [(expected, path)] == found(file)


def test_state_in_a_pickled_checkpoint():
    """By the keys at its top, besides its being a pickle."""
    data = pickle.dumps({"state_dict": {}, "optimizer_states": []}, 2)
    assert [("MK507", "last.ckpt")] == found(("last.ckpt", data), select=("fat",))


@pytest.mark.parametrize(
    "files",
    [
        ["config.json", "tokenizer.json", ("model.safetensors", safetensors("w", "expert.avg"))],
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
        ["encoder.onnx", "decoder.onnx", ("labels.csv", 1000), "architecture.png"],
        ["unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors", "vocab.txt"],
        ["1_Pooling/config.json", "modules.json", "model_v1.onnx", "model_v2.onnx"],
        [("pytorch_model.bin", pickle.dumps({"layer.optimizer_gate.weight": 1}))],
    ],
)
def test_whole_models_are_quiet(files):
    """Shards, parts of pipelines, small tables."""
    assert [] == found(*files, select=("fat",))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["model.safetensors", "pytorch_model.bin"], ("MK508", "model.safetensors")),
        (["a/model.safetensors", "a/tf_model.h5", "a/flax_model.msgpack"], ("MK508", "a")),
        (["model-00001-of-00002.safetensors", "pytorch_model-00001-of-00003.bin"],
         ("MK508", "model-00001-of-00002.safetensors")),
        (["onnx/model.onnx", "onnx/model_quantized.onnx"], ("MK509", "onnx/model.onnx")),
        (["llama-Q4_K_M.gguf", "llama-Q8_0.gguf"], ("MK509", "llama-Q4_K_M.gguf")),
        (["model.safetensors", "model.fp16.safetensors"], ("MK509", "model.fp16.safetensors")),
    ],
)  # fmt: skip
def test_one_model_several_times(files, expected):
    """In two formats, or precisions."""
    assert [expected] == found(*files)


def test_caches_are_found_as_folders():
    """Once, and nothing in them by itself."""
    files = [".git/config", ".git/objects/ab/train.parquet", "a/__pycache__/b.cpython-311.pyc", ".DS_Store"]
    expected = [("MK510", ".DS_Store"), ("MK510", ".git"), ("MK510", "a/__pycache__")]
    assert expected == found(*files)


def test_two_files_of_one_content():
    """Large ones."""
    data = bytes(1 << 17)
    assert [("MK511", "a.bin")] == found(("a.bin", data), ("b.bin", data))
    assert [] == found(("a.bin", b"x"), ("b.bin", b"x"))


def test_many_images():
    """As one finding."""
    assert [("MK506", "samples")] == found(*(f"samples/{number}.jpg" for number in range(20)))
    assert [] == found("a.png", "b.png")


def test_training_code_in_a_package():
    """By its name."""
    sources = [
        SourceFile("rain/train_model.py", b""),
        SourceFile("rain/trained.py", b""),
        SourceFile("train/net.py", b""),
    ]
    assert [("MK504", "rain/train_model.py")] == found(sources=sources)


def test_pickles_and_code_are_named():
    """As their checks name them for the record."""
    assert [("MK709", "a.pkl")] == found(("a.pkl", pickle.dumps(hashlib.sha256, 4)))
    file = ArtifactFile("model.keras", code=("keras-lambda:a", "keras-lambda:b", "jinja-unsafe:c"))
    subject = Subject("//:m", artifacts=(file,))
    assert ["MK702", "MK704"] == [one.rule for one in lint(subject, Selection(("hidden-code",)))]
