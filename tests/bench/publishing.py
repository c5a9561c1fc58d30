"""What publishing costs, against skopeo, buildah and curl, to the same docker-registry on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Iterator, Mapping, Optional, Sequence

from bench import Bench
from measure import Sample, median_of, run
from workspace import Workspace

__all__ = [
    "Pushed",
    "add_repository",
    "pack_kit",
    "publish_big",
    "publish_edits",
    "publish_kit",
    "publish_layout",
    "run_registry",
    "write_image",
]

_numbers = count(1)
# The program of the registry: distribution 3 is called `registry`.
_REGISTRY = os.environ.get("MODELKILN_BENCH_REGISTRY", "docker-registry")
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"


class Pushed:
    """Samples by who pushed. sent: bytes of blobs that ours sent, of which the code layer is `code`."""

    def __init__(self, samples: Mapping[str, Optional[Sample]], sent: int = 0, code: int = 0) -> None:
        self.samples, self.sent, self.code = samples, sent, code


@contextmanager
def run_registry(folder: Path) -> Iterator[str]:
    """Run a registry with its data below `folder`; yields host and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    folder.mkdir()
    storage = {"filesystem": {"rootdirectory": str(folder / "data")}}
    config = {"version": "0.1", "log": {"level": "error"}, "storage": storage, "http": {"addr": address, "secret": "x"}}
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        command = [_REGISTRY, "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"})
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                    break
            time.sleep(0.02)
        yield address
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def publish_layout(bench: Bench, layout: Path, repository: str, store: Path) -> tuple[Sample, dict]:
    """Publish a layout with the engine; returns what it cost and its summary."""
    summary = bench.folder / "published.json"
    host = repository.partition("/")[0]
    options = [f"--tag=v{next(_numbers)}", f"--insecure={host}", f"--store={store}", f"--output={summary}"]
    return bench.engine.run("publish", layout, repository, *options), json.loads(summary.read_text())


def publish_edits(bench: Bench, workspace: Workspace, edit) -> Pushed:
    """A line of an inference script changes; the new image goes to a registry that has the one before."""
    ours, copied, pushed, goal, sent, code = [], [], [], [], 0, 0
    with run_registry(bench.folder / "registry") as host:
        add_repository(workspace, host)
        policy = ["--insecure-policy", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false"]
        for number in range(bench.rounds + 1):
            edit(workspace)
            workspace.package()
            layout = workspace.layout()
            sample, published = publish_layout(bench, layout, f"{host}/ours/digits", workspace.store)
            skopeo = ["skopeo", *policy, f"oci:{layout}", f"docker://{host}/skopeo/digits:v{number}"]
            copies = run(skopeo, bench.folder)
            edit(workspace)
            whole = workspace.pants("publish", "models/m000:digits")
            if number:  # The first one brings everything.
                ours.append(sample)
                copied.append(copies)
                goal.append(whole)
                sent = max(sent, published["sent_bytes"])
        layers = workspace.record()["layers"]
        code = sum(layer["descriptor"]["size"] for layer in layers if layer["kind"] == "code")
        if not bench.no_peer:
            pushed = [_buildah_push(bench, workspace, host, number) for number in range(bench.rounds + 1)][1:]
    samples = {"ours": median_of(ours), "skopeo copy": median_of(copied), "pants publish": median_of(goal)}
    return Pushed({**samples, "buildah push": median_of(pushed) if pushed else None}, sent, code)


def add_repository(workspace: Workspace, host: str) -> None:
    """Let a workspace's first package be published to the registry `host`, with its digest for a tag."""
    build = workspace.repo.package(0) / "BUILD"
    field = f'model_package(\n    repositories=["{host}/goal/digits"],\n    publish_tags=["{{digest}}"],'
    build.write_text(re.sub(r"model_package\((\n    repositories=.*\n.*publish_tags=.*)?", field, build.read_text()))
    toml = workspace.repo.root / "pants.toml"
    text = re.sub(r"\ninsecure_registries = .*", "", toml.read_text())
    toml.write_text(text.replace("[modelkiln]", f'[modelkiln]\ninsecure_registries = ["{host}"]', 1))
    workspace.stop()  # Pants ends a daemon whose options changed, but only after the next command.


def _buildah_push(bench: Bench, workspace: Workspace, host: str, number: int) -> Sample:
    context = bench.context(workspace)
    script = context / "app/models/m000/predict.py"
    script.write_text(script.read_text() + f"# push {number}\n")
    bench.buildah.build(context, bench.peer_image)
    target = f"docker://{host}/buildah/digits:v{number}"
    return run(
        ["buildah", "push", "-q", "--tls-verify=false", bench.peer_image, target], bench.folder, bench.buildah.env
    )


def publish_big(bench: Bench, size: int) -> Pushed:
    """A new layer of `size` bytes (a sparse file), against curl, which reads and sends it and no more."""
    folder = bench.folder / "big-layer"
    layout = folder / "big.oci"
    folder.mkdir()
    (folder / "layer").touch()
    os.truncate(folder / "layer", size)
    write_image(layout, [folder / "layer"])
    (blob,) = (one for one in (layout / "blobs/sha256").iterdir() if one.stat().st_size == size)
    ours, curl = [], []
    for number in range(bench.cold_rounds):
        with run_registry(bench.folder / f"registry-{number}") as host:
            ours.append(publish_layout(bench, layout, f"{host}/ours/big", folder)[0])
        with run_registry(bench.folder / f"registry-{number}") as host:
            curl.append(_curl(bench, host, blob, blob.name))
    shutil.rmtree(folder)
    return Pushed({"ours": median_of(ours), "curl -T": median_of(curl)}, size)


@cache
def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_image(layout: Path, layers: Sequence[Path]) -> Path:
    """Write a layout of an image whose layers are these files, to which it links; returns it."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)
    found = []
    for path in layers:
        digest = _sha256_of(path)
        os.link(path, blobs / digest)
        found.append({"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": path.stat().st_size})
    rootfs = {"type": "layers", "diff_ids": [one["digest"] for one in found]}
    config = _put(blobs, _CONFIG, {"os": "linux", "architecture": "amd64", "rootfs": rootfs})
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": found}
    index = {"schemaVersion": 2, "manifests": [_put(blobs, _MANIFEST, manifest)]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return layout


def publish_kit(bench: Bench, artifact: Path, store: Path, weights: Path) -> Pushed:
    """An artifact whose weights are locked, to an empty registry, against `kit push` of the same file."""
    ours, others = [], []
    folder = bench.folder / "kit-push"
    folder.mkdir()
    os.link(weights, folder / "big.bin")
    for number in range(bench.cold_rounds):
        with run_registry(bench.folder / f"registry-{number}") as host:
            ours.append(publish_layout(bench, artifact, f"{host}/ours/big", store)[0])
        with run_registry(bench.folder / f"registry-{number}") as host:
            image = f"{host.replace('127.0.0.1', 'localhost')}/bench:1"
            pack_kit(folder, ["big.bin"], image)
            others.append(run(["kit", "--config", folder / "kit", "push", "--plain-http", image], folder))
        shutil.rmtree(folder / "kit")
    shutil.rmtree(folder)
    return Pushed({"ours": median_of(ours), "kit push": median_of(others)})


def pack_kit(folder: Path, files: Sequence[str], image: str) -> Sample:
    """`kit pack` of files below `folder`, the first as the model and the others as its parts."""
    first, *parts = files
    model = {"name": "bench", "path": first, "parts": [{"name": f"part-{part}", "path": part} for part in parts]}
    kitfile = {"manifestVersion": "1.0.0", "package": {"name": "bench"}, "model": model}
    (folder / "Kitfile").write_text(json.dumps(kitfile))
    subprocess.run(["sync", "-f", folder], check=True)
    return run(["kit", "--config", folder / "kit", "pack", ".", "-t", image], folder)


def _put(blobs: Path, media_type: str, content: Mapping) -> dict:
    data = json.dumps(content).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _curl(bench: Bench, host: str, blob: Path, digest: str) -> Sample:
    begin = ["curl", "-sS", "-D", "-", "-X", "POST", f"http://{host}/v2/curl/big/blobs/uploads/"]
    answer = subprocess.run(begin, capture_output=True, check=True, text=True).stdout
    location = re.search(r"(?im)^location: (\S+)", answer)
    assert location, answer
    url = f"{location[1]}&digest=sha256:{digest}"
    kind = "Content-Type: application/octet-stream"
    return run(["curl", "-sS", "--fail", "-T", blob, "-H", kind, url], bench.folder)
