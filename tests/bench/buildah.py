"""The peer: the same image, as people make it today: pip on a Debian base, by `buildah bud`."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence

from measure import Sample, run
from workspace import Workspace

__all__ = ["Buildah", "write_context"]

BASE = "localhost/bench-base"

# Wheels come from a folder: quicker than from pip's cache, which asks the index first.
_DOCKERFILE = f"""\
FROM {BASE}
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m pip install --break-system-packages \\
    --no-index --find-links /wheels --require-hashes -r /tmp/requirements.txt
COPY models /models
COPY app /app
ENV PYTHONPATH=/app MODELKILN_MODELS=/models PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["python3", "-m", "modelkiln.runtime"]
"""
_STORAGE = '[storage]\ndriver = "overlay"\nrunroot = "{run}"\ngraphroot = "{graph}"\n'
# Without systemd and without cgroups of our own; podman refuses the default limits as root here.
_CONTAINERS = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
netns = "none"
"""


class Buildah:
    """buildah and podman with their images in `folder`, and wheels in `wheels`."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self._wheels, self._folder = wheels, folder
        folder.mkdir()
        (folder / "storage.conf").write_text(_STORAGE.format(run=folder / "run", graph=folder / "graph"))
        (folder / "containers.conf").write_text(_CONTAINERS)
        self.env = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
        }

    @staticmethod
    def missing() -> str:
        """Which of the programs that the peer needs are not on this machine, or ""."""
        names = [name for name in ("buildah", "mmdebstrap") if not shutil.which(name)]
        return f"{' and '.join(names)} not installed" if names else ""

    def make_base(self) -> None:
        """Make the base once: minimal Debian 12 with its python3 and pip."""
        context = self._folder / "base"
        context.mkdir()
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-pip,ca-certificates"]
        subprocess.run([*command, "bookworm", context / "base.tar"], check=True, stdout=sys.stderr)
        (context / "Dockerfile").write_text('FROM scratch\nADD base.tar /\nCMD ["python3"]\n')
        self._bud(context, BASE)
        shutil.rmtree(context)

    def build(self, context: Path, tag: str, cached: bool = True) -> Sample:
        """Build the image of a context; with `cached`, steps that were done before are not done again."""
        return self._bud(
            context, tag, "--layers", *(() if cached else ("--no-cache",)), f"--volume={self._wheels}:/wheels:ro"
        )

    def _bud(self, context: Path, tag: str, *options: str) -> Sample:
        argv = ["buildah", "bud", "--isolation=chroot", "--pull-never", *options, f"--tag={tag}", "."]
        return run(argv, context, self.env)

    def sizes(self, tag: str) -> tuple[int, int]:
        """Bytes of an image's layers as they are pushed (tar and gzip) and as tar alone."""
        layout = self._folder / "pushed"
        run(["buildah", "push", tag, f"oci:{layout}:latest"], self._folder, self.env)
        index = json.loads((layout / "index.json").read_text())
        manifest = _blob(layout, index["manifests"][0]["digest"])
        layers = json.loads(manifest.read_text())["layers"]
        unpacked = sum(_tar_size(_blob(layout, layer["digest"])) for layer in layers)
        shutil.rmtree(layout)
        return sum(layer["size"] for layer in layers), unpacked

    def podman_run(self, tag: str, arguments: Sequence[str | Path], stdin: Path) -> Sample:
        """`podman run` of an image, attached, with a request on standard input."""
        argv = ["podman", "run", "--rm", "--interactive", "--network=none", "--log-driver=none", tag, *arguments]
        return run(argv, self._folder, self.env, stdin)

    def clean(self) -> None:
        """Unmount and remove all images."""
        subprocess.run(["buildah", "rm", "--all"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in ("graph", "graph/overlay"):
            subprocess.run(["umount", "-q", self._folder / name], stderr=subprocess.DEVNULL)


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _tar_size(blob: Path) -> int:
    with gzip.open(blob) as stream:
        return sum(len(chunk) for chunk in iter(lambda: stream.read(1 << 20), b""))


def write_context(folder: Path, workspace: Workspace, wheels: Path) -> None:
    """Write the Dockerfile and the files of a package's image, and its wheels to `wheels`."""
    record, repo = workspace.record(), workspace.repo
    folder.mkdir()
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    lines = [
        f"{wheel['name']}=={wheel['version']} --hash=sha256:{wheel['sha256']}\n" for wheel in record["requirements"]
    ]
    (folder / "requirements.txt").write_text("".join(lines))
    wheels.mkdir(exist_ok=True)
    for wheel in record["requirements"]:
        if not (wheels / wheel["filename"]).exists():
            os.link(workspace.blob(wheel["sha256"]), wheels / wheel["filename"])
    _copy_files(folder / "models", repo.package(0), record["artifacts"])
    shutil.copytree(repo.backend / "modelkiln" / "runtime", folder / "app/modelkiln/runtime")
    shutil.copyfile(repo.backend / "modelkiln" / "__init__.py", folder / "app/modelkiln/__init__.py")
    code = [file for file in record["code"] if not file["path"].startswith("modelkiln/")]
    _copy_files(folder / "app", repo.root, code)
    (folder / "app/.modelkiln").mkdir()
    (folder / "app/.modelkiln/record.json").write_text(json.dumps(record))


def _copy_files(target: Path, source: Path, files: Sequence[Mapping]) -> None:
    for file in files:
        (target / file["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file["path"], target / file["path"])
