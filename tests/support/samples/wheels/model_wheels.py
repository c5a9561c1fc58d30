"""Wheels of models, made of a few lines of code as packages make them."""

import hashlib
import shutil
from pathlib import Path

import modelkiln
from modelkiln.canonical import canonical_json
from modelkiln.formats.model_wheel import build_model_wheel
from modelkiln.package.model_wheel import code_folder, import_name_of, loader_path, wheel_filename
from modelkiln.package.record import make_record

__all__ = ["SCRIPT", "SIGNATURE", "lay_out", "make_model_wheel"]

SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
}
SCRIPT = """
import numpy

from common.scaling import FACTOR


def predict(inputs, model):
    weight = float((model / "weight.txt").read_text())
    return {"y": inputs["x"].sum(axis=1) * numpy.float32(weight * FACTOR)}
"""
CODE = {"models/sums.py": SCRIPT, "common/scaling.py": "FACTOR = 1\n", "common/__init__.py": ""}
MODELS = {"weight.txt": b"2"}


def _described(path, data):
    return {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def lay_out(folder, code=None, lock=b"", entry_point="models.sums:predict", wheel=None, **inputs):
    """Lay out the files of a wheel in `folder`; returns the record.

    code: files by path, next to those of a small model. lock: what the wheel has in place of the artifact's file.
    wheel: members of the record's "wheel". inputs: others of the record.
    """
    root = Path(modelkiln.__file__).parent
    chosen = {"distribution": "acme-sums", "version": "1.2.0", **(wheel or {})}
    name = chosen.setdefault("import_name", import_name_of("", chosen["distribution"]))
    files = {path: text.encode() for path, text in {**CODE, **(code or {})}.items()}
    runtime = [root / "__init__.py", *sorted((root / "runtime").rglob("*.py"))]
    files.update({f"modelkiln/{path.relative_to(root).as_posix()}": path.read_bytes() for path in runtime})
    loader = {
        loader_path(name, f"modelkiln/library/{path.name}"): path.read_bytes()
        for path in (root / "library").glob("*.py")
    }
    chosen = {"code": [_described(path, data) for path, data in sorted(loader.items())], **chosen}
    record = _record(files, hashlib.sha256(lock).hexdigest() if lock else None, chosen, entry_point, inputs)
    own = code_folder(name)
    tree = {**loader, **{f"{own}/{path}": data for path, data in files.items()}}
    tree[f"{own}/.modelkiln/record.json"] = canonical_json(record)
    if lock:
        tree[f"{own}/.modelkiln/weights.lock.json"] = lock
    elif record["weights"] == "bundled":
        tree.update({f"{own}/.modelkiln/models/{path}": data for path, data in MODELS.items()})
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return record


def _record(files, lock_digest, wheel, entry_point, inputs):
    described = {
        "requires": "declared",
        "requires_dist": ["numpy>=1"],
        "requires_python": ">=3.9",
        "weights_lock": lock_digest if inputs.get("weights", "bundled") == "bundled" else None,
        **wheel,
    }
    fixed = {
        "name": "sums",
        "version": described["version"],
        "variant": {"accelerator": "cpu", "platform": "linux/amd64", "python": "3.11"},
        "entry_point": entry_point,
        "entrypoint": [],
        "signature": SIGNATURE,
        "artifacts": [_described(path, data) for path, data in sorted(MODELS.items())],
        "code": [_described(path, data) for path, data in sorted(files.items())],
        "requirements": [],
        "base": None,
        "metadata": {"title": "Sums", "description": "Adds\nnumbers.", "license": "Apache-2.0"},
        "weights": "bundled",
        "weights_lock": lock_digest if inputs.get("weights") == "lazy" else None,
    }
    return make_record({**fixed, **inputs, "wheel": described}).to_json()


def make_model_wheel(folder, **more):
    """Build a wheel in `folder`; returns its path. more: as of `lay_out`."""
    record = lay_out(folder / "sources", **more)
    path = folder / wheel_filename(record["wheel"])
    build_model_wheel(record, [], folder / "sources", folder / "store", path)
    return path
