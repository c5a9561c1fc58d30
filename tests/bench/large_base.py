"""Packages on a base of 20 GB in a registry, given by digest, against the same on a base of 1 MB."""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import partial
from itertools import count
from pathlib import Path
from typing import Iterator

from bench import Bench
from measure import Sample, median_of, repeat
from publishing import publish_layout, run_registry
from rows import Row
from workspace import Workspace

__all__ = ["edit_on_base"]

_LARGE, _SMALL = 20 * 10**9, 10**6
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_numbers = count(1)


class _Storage:
    """What the registry of a folder has on disk, written as it writes it (distribution, registry/storage/paths.go).

    A layer that nobody reads is a file with a hole, under a digest that is not its own: so nothing has to hash it.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder / "data" / "docker" / "registry" / "v2"

    def put_image(self, repository: str, size: int) -> str:
        """Put an image for Python 3.11 of one layer of `size` bytes; returns its digest."""
        layer = hashlib.sha256(f"a layer of {size} bytes".encode()).hexdigest()
        os.truncate(self._blob(layer), size)
        self._link(repository, "_layers", layer)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHON_VERSION=3.11.9"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, **self._put(repository, "_layers", config)},
            "layers": [{"mediaType": _LAYER, "digest": f"sha256:{layer}", "size": size}],
        }
        return str(self._put(repository, "_manifests/revisions", manifest)["digest"])

    def _put(self, repository: str, kind: str, document: dict) -> dict:
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        self._blob(digest).write_bytes(data)
        self._link(repository, kind, digest)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def _blob(self, digest: str) -> Path:
        path = self._root / "blobs" / "sha256" / digest[:2] / digest / "data"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    def _link(self, repository: str, kind: str, digest: str) -> None:
        path = self._root / "repositories" / repository / kind / "sha256" / digest / "link"
        path.parent.mkdir(parents=True)
        path.write_text(f"sha256:{digest}")


def edit_on_base(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """One line changes, and is published, on either base, in turns."""
    folder, samples = bench.folder / "registry-base", {_LARGE: ([], []), _SMALL: ([], [])}
    sent = 0
    with run_registry(folder) as host:
        storage = _Storage(folder)
        images = [f"{host}/base/{size}@{storage.put_image(f'base/{size}', size)}" for size in samples]
        workspace = bench.workspace(packages=2)
        bench.seed(workspace)
        _use_bases(workspace, host, images)
        for round_ in range(bench.rounds + 1):
            for number, (edits, pushes) in enumerate(samples.values()):
                edit = partial(workspace.repo.edit_code, number, f"base {next(_numbers)}")
                edited = repeat(1, workspace.package, edit)
                pushed, published = publish_layout(
                    bench, workspace.layout(number), f"{host}/ours/m{number}", workspace.store
                )
                if round_:  # The first one brings everything.
                    edits.append(edited)
                    pushes.append(pushed)
                    sent = max(sent, published["sent_bytes"]) if not number else sent
    large, small = samples.values()
    yield _row("one-line edit, base of 20 GB", large[0], small[0])
    yield _row("publish it", large[1], small[1])
    yield Row("publish it, sent", sent, target="64 KiB", limit=64 * 1024, unit="B")


def _row(name: str, large: list[Sample], small: list[Sample]) -> Row:
    ours, other = median_of(large).seconds, median_of(small).seconds
    return Row(name, ours, "base of 1 MB", other, "1.1 x that", 1.1 * other)


def _use_bases(workspace: Workspace, host: str, images: list[str]) -> None:
    """Put each of the first packages onto one of the images."""
    root = workspace.repo.root
    bases = root / "bases"
    bases.mkdir(exist_ok=True)
    text = "".join(f'oci_base_image(name="b{number}", image="{image}")\n' for number, image in enumerate(images))
    (bases / "BUILD").write_text(text)
    for number in range(len(images)):
        build = workspace.repo.package(number) / "BUILD"
        build.write_text(
            build.read_text().replace("model_package(\n", f'model_package(\n    base_image="//bases:b{number}",\n')
        )
    toml = root / "pants.toml"
    text = re.sub(r"\ninsecure_registries = .*", "", toml.read_text())
    toml.write_text(text.replace("[modelkiln]", f'[modelkiln]\ninsecure_registries = ["{host}"]', 1))
    workspace.stop()  # Pants ends a daemon whose options changed, but only after the next command.
