"""`modelkiln load`: an image into a container engine of this machine."""

import argparse
import secrets
import tempfile
from functools import partial
from pathlib import Path

from modelkiln.cli.options import add_layout, add_record, add_store, blobs_of, image_name
from modelkiln.image.entries import Entry
from modelkiln.image.export import export, link
from modelkiln.image.layout import Layout
from modelkiln.machine.container_engine import ENGINES, choose_engine, known_layers, load_archive, pull_layout
from modelkiln.progress import Progress

HELP = "Load an image into podman, Docker or containerd on this machine."
EXAMPLES = (
    "load dist/models.digits/digits.oci",
    "load digits.oci --into podman --name digits:1.2.0",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln load`."""
    add_layout(parser)
    names = list(dict.fromkeys(engine.name for engine in ENGINES))
    parser.add_argument("--into", choices=["auto", *names], default="auto", help="default: the first usable one")
    parser.add_argument("--name", metavar="NAME:TAG", help="what to call it (default: the target's name and version)")
    add_store(parser)
    add_record(parser)


def run(args: argparse.Namespace) -> int:
    """Load the image and print its name."""
    layout = Layout(args.layout)
    found = layout.manifest(args.image)
    entry = Entry(found.descriptor, tuple(filter(None, [found.name])), found.platform, found.annotations)
    name = image_name(args, layout, entry)
    engine = choose_engine(args.into)
    total = sum(descriptor.size for descriptor in found.blobs)
    with tempfile.TemporaryDirectory(prefix="modelkiln-load-") as folder:
        blobs, said, is_loaded = blobs_of(args, layout), "", False
        if engine.reads_layouts:
            with Progress("load", total) as progress:
                # A name of an image, and of no other load: podman calls the image so for a moment.
                place = Path(folder, f"modelkiln-load-{secrets.token_hex(8)}")
                link(blobs.counted(progress.add), entry, place, name, partial(known_layers, engine))
            with Progress(f"load into {engine.name}"):
                is_loaded = pull_layout(engine, place, name.full)
        if not is_loaded:
            archive = Path(folder, "image.tar")
            with Progress("load", total) as progress:
                export(blobs.counted(progress.add), entry, archive, engine.format, name)
            with Progress(f"load into {engine.name}"):
                said = load_archive(engine, archive)
    print(f"{name.full if engine.format == 'oci-archive' else name.short}: loaded into {engine.name}. {said}".rstrip())
    return 0
