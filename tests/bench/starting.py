"""The scenario of lazy weights: the first start of a package that fetches them from loopback, and later ones."""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from bench import GIB, Bench
from engine import make_venv
from generate import SOURCE, write_big_file
from measure import Sample, median_of, run
from rows import Row

__all__ = ["start_lazy"]

# Ranges and nothing else, as quick as the kernel sends a file.
_SERVER = """
import os, re, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        with open(sys.argv[1], "rb") as file:
            size = os.fstat(file.fileno()).st_size
            asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", self.headers.get("Range", ""))
            start, end = (int(asked[1]), min(int(asked[2] or size) + 1, size)) if asked else (0, size)
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            while start < end:
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, end - start)

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
_SCRIPT = """
import numpy

def predict(inputs, model):
    with open(model / "big.bin", "rb") as weights:
        return {"y": inputs["x"].sum(axis=1) + numpy.float32(len(weights.read(8)))}
"""
_REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


def start_lazy(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """A first start with 1 GiB from a server on loopback, with an empty store, against `curl` and `openssl dgst` of the
    same; later starts against those of a package that carries its weights. All one after the other."""
    folder = bench.folder / "lazy-start"
    folder.mkdir()
    big = folder / "big.bin"
    write_big_file(big, GIB)
    (folder / "request.json").write_text(json.dumps(_REQUEST))
    python = make_venv(folder / "venv", SOURCE / "3rdparty/python/cpu.txt")
    samples: dict[str, list[Sample]] = {name: [] for name in ("first", "later", "bundled", "peer")}
    try:
        with _served(big) as url:
            lazy, bundled = (_package(folder / name, bench.backend, big, at) for name, at in (("a", url), ("b", "")))
            for _ in range(bench.rounds):
                shutil.rmtree(folder / "store", ignore_errors=True)
                subprocess.run(["sync", "-f", folder], check=True)
                samples["first"].append(_predict(python, lazy))
                samples["later"].append(_predict(python, lazy))
                samples["bundled"].append(_predict(python, bundled))
                shutil.rmtree(folder / "store")
                command = f"curl -sS -o copy.bin {url} && openssl dgst -sha256 copy.bin && rm copy.bin"
                samples["peer"].append(run(["sh", "-c", command], folder))
    finally:
        shutil.rmtree(folder)
    first, later, carried, peer = (median_of(found) for found in samples.values())
    yield Row("first start, 1 GiB of lazy weights", first.seconds, "curl + openssl dgst", peer.seconds, "1.3 x both",
              1.3 * peer.seconds, written=(first.written, peer.written))  # fmt: skip
    yield Row("later start, lazy weights", later.seconds, "bundled", carried.seconds, "bundled + 20 ms",
              carried.seconds + 0.02)  # fmt: skip


@contextmanager
def _served(path: Path) -> Iterator[str]:
    process = subprocess.Popen(["python3", "-c", _SERVER, path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/big.bin"
    finally:
        process.terminate()
        process.wait()


def _package(root: Path, backend: Path, big: Path, url: str) -> Path:
    """A package as it lies on disk, with its byte code; url: of its lazy weights, else it carries them."""
    shutil.copytree(backend / "modelkiln/runtime", root / "modelkiln/runtime")
    (root / "model.py").write_text(_SCRIPT)
    (root / ".modelkiln/models").mkdir(parents=True)
    with big.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    file = {"path": "big.bin", "size": big.stat().st_size, "sha256": digest}
    spec = {"datatype": "FP32", "shape": [-1]}
    signature = {"inputs": [{"name": "x", **spec, "shape": [-1, 2]}], "outputs": [{"name": "y", **spec}]}
    record = {
        "schema": 1, "name": "sums", "version": "1", "entry_point": "model:predict", "signature": signature,
        "code": [], "artifacts": [file], "requirements": [],
    }  # fmt: skip
    if url:
        lines = f"{digest}  {file['path']}\n"
        lock = {
            "schema": 1, "set_digest": "sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
            "files": [{**file, "places": [{"url": url}]}],
        }  # fmt: skip
        data = json.dumps(lock).encode()
        (root / ".modelkiln/weights.lock.json").write_bytes(data)
        record.update(weights="lazy", weights_lock=hashlib.sha256(data).hexdigest())
    else:
        os.link(big, root / ".modelkiln/models/big.bin")
    (root / ".modelkiln/record.json").write_text(json.dumps(record))
    compileall.compile_dir(root, quiet=1)
    return root


def _predict(python: str | Path, package: Path) -> Sample:
    env = {"PYTHONPATH": str(package), "MODELKILN_STORE": str(package.parent / "store"), "HOME": str(package.parent)}
    command = [python, "-m", "modelkiln.runtime", "predict", "../request.json"]
    return run(command, package, env)
