"""A package as it lies on disk, made by hand: no builder takes part."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema  # noqa: F401  Before any test imports Pex, whose own old attrs it would get.
import pytest
from samples.wheels.model_wheels import SIGNATURE
from session import guarded_session  # noqa: F401

import modelkiln.runtime

SCRIPT = """
import numpy

def predict(inputs, model):
    weight = float((model / "weight.txt").read_text())
    return {"y": inputs["x"].sum(axis=1) * numpy.float32(weight)}
"""


class HandMadePackage:
    """A package's root; `run` starts its command line in a process of its own."""

    def __init__(self, root, record):
        self.root, self.record, self.settings = root, record, {}

    def environment(self, **settings):
        """Return the variables that its process runs with."""
        return {"PYTHONPATH": str(self.root), **self.settings, **settings}

    def run(self, *arguments, request=None, check=None, **settings):
        """Run `python -m modelkiln.runtime ARGUMENTS`; request: JSON value or bytes for stdin."""
        data = request if isinstance(request, bytes) else json.dumps(request).encode()
        result = subprocess.run(
            [sys.executable, "-B", "-m", "modelkiln.runtime", *arguments],
            input=data,
            cwd=self.root,
            env=self.environment(**settings),
            capture_output=True,
            check=False,
        )
        if check is not None:
            assert check == result.returncode, result.stderr.decode()
        return result


@pytest.fixture
def make_package(tmp_path):
    """Return a function that makes a package of an inference script."""

    def make(script=SCRIPT, signature=SIGNATURE, entry_point="models.sums.predict:predict", **more):
        root = Path(tempfile.mkdtemp(dir=tmp_path, prefix="package-"))
        runtime = Path(modelkiln.runtime.__file__).parent
        shutil.copytree(runtime, root / "modelkiln" / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
        files = {"models/sums/predict.py": script.encode(), ".modelkiln/models/weight.txt": b"2"}
        for name, data in files.items():
            path = root / name
            os.makedirs(path.parent, exist_ok=True)
            path.write_bytes(data)
        hashes = [hashlib.sha256(data).hexdigest() for data in files.values()]
        own = list((root / "modelkiln").rglob("*.py"))
        listed = {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in own}
        listed["models/sums/predict.py"] = hashes[0]
        record = {
            "schema": 1,
            "name": "sums",
            "version": "1.2.0",
            "entry_point": entry_point,
            "signature": signature,
            "code": [{"path": path, "sha256": sha256} for path, sha256 in sorted(listed.items())],
            "artifacts": [{"path": "weight.txt", "size": 1, "sha256": hashes[1]}],
            "requirements": [],
            **more,
        }
        (root / ".modelkiln" / "record.json").write_text(json.dumps(record))
        return HandMadePackage(root, record)

    return make


@pytest.fixture
def make_lazy_package(make_package, tmp_path):
    """Return a function that makes a package which fetches its weights.

    files: bytes by path. places: a function from a path to the objects of its places. more: by
    path, other fields of a file in the lock. Its store is `store` below tmp_path.
    """

    def make(files, places, more=None, script=SCRIPT):
        listed = [
            {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in sorted(files.items())
        ]
        lines = "".join(sorted(f"{file['sha256']}  {file['path']}\n" for file in listed))
        lock = {
            "schema": 1,
            "set_digest": "sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
            "files": [
                {**file, "places": places(file["path"]), **(more or {}).get(file["path"], {})} for file in listed
            ],
        }
        text = json.dumps(lock).encode()
        digest = hashlib.sha256(text).hexdigest()
        package = make_package(script, weights="lazy", weights_lock=digest, artifacts=listed)
        shutil.rmtree(package.root / ".modelkiln/models")
        (package.root / ".modelkiln/weights.lock.json").write_bytes(text)
        package.settings = {"MODELKILN_STORE": str(tmp_path / "store"), "HOME": str(tmp_path)}
        package.store = tmp_path / "store"
        return package

    return make
