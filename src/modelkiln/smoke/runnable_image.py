"""An image made ready to run on this machine: its settings and its unpacked root."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Iterator, Mapping, Optional, Sequence

from modelkiln.digest import check_digest
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs
from modelkiln.image.layout import Layout
from modelkiln.layer import Layer
from modelkiln.machine.gpu import Gpu
from modelkiln.machine.sandbox import sandbox_command
from modelkiln.smoke.rootfs import RootLayer, unpack
from modelkiln.store.store import Store
from modelkiln.wording import counted

__all__ = ["Runnable", "UnpackedImage", "open_image", "unpacked"]


@dataclass(frozen=True)
class Runnable:
    """What an image's config says of running it, and its layers, lowest first, with their blobs."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str
    layers: tuple[RootLayer, ...]

    def command(
        self,
        root: Path,
        argv: Sequence[str],
        mounts: Optional[Mapping[str, Path]] = None,
        env: Optional[Mapping[str, str]] = None,
        gpu: Optional[Gpu] = None,
    ) -> list[str]:
        """Return the command line that runs `argv` in `root`, where this image is unpacked.

        mounts: path in the image -> folder of this machine, to be seen there read-only, or file over a file. env:
        variables over those of the image. gpu: this machine's, which the command may use.
        """
        variables = {**self.env, **(env or {})}
        variables = gpu.env(variables) if gpu else variables
        options = gpu.options() if gpu else ()
        return sandbox_command(root, argv, variables, self.working_dir, mounts, options)


def open_image(
    layout: Path, layers: Sequence[Layer], store: Store, sources: Optional[Path] = None, name: Optional[str] = None
) -> Runnable:
    """Read the image `name` (tag, digest or platform), or the only one, of the OCI layout in `layout`.

    A layer that the layout names without holding it comes from `store`, rebuilt by its recipe in
    `layers` when it is missing there too; `sources` is the folder of the model artifact's files,
    where they are at hand. Raises ModelkilnError when a layer is in neither.
    """
    opened = Layout(layout)
    manifest = opened.manifest(name)
    config_descriptor, *descriptors = manifest.blobs
    config = opened.read_json(config_descriptor)
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or []
    if len(diff_ids) != len(descriptors):
        raise ModelkilnError(
            f"{layout}: config has {counted(len(diff_ids), 'diff ID')} for {counted(len(descriptors), 'layer')}. "
            "Package the target again."
        )
    blobs = Blobs(opened, store, layers, sources)
    root_layers = tuple(
        RootLayer(
            descriptor,
            check_digest(diff_id, f"{layout}: diff_ids"),
            partial(blobs.open, descriptor),
            partial(blobs.files, descriptor),
        )
        for descriptor, diff_id in zip(descriptors, diff_ids)
    )
    settings = config.get("config") or {}
    return Runnable(
        tuple(settings.get("Entrypoint") or ()),
        tuple(settings.get("Cmd") or ()),
        # What runtimes add for a user that /etc/passwd does not know.
        {"HOME": "/", **dict(text.partition("=")[::2] for text in settings.get("Env") or ())},
        settings.get("WorkingDir") or "/",
        root_layers,
    )


@dataclass(frozen=True)
class UnpackedImage:
    """root: where an image is unpacked. mounts: what `Runnable.command` has to mount in it."""

    root: Path
    mounts: Mapping[str, Path]


@contextmanager
def unpacked(image: Runnable, store: Store) -> Iterator[UnpackedImage]:
    """The image in a temporary folder, which is removed when the block ends.

    The folder is next to the store's blobs: a system's own temporary folder is often memory, and
    an image with its weights may be larger.
    """
    roots, prefix = store.temporary_location("roots")
    folder = Path(tempfile.mkdtemp(dir=os.path.abspath(roots), prefix=prefix))
    try:
        root = folder / "root"
        root.mkdir(mode=0o755)
        yield UnpackedImage(root, unpack(image.layers, root, can_mount=True))
    finally:
        shutil.rmtree(folder)
