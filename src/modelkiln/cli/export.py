"""`modelkiln export`: an image, artifact or index as one file or folder that holds all of its bytes."""

import argparse
import sys
from pathlib import Path

from modelkiln.cli.options import add_layout, add_record, add_store, blobs_of, image_name
from modelkiln.image.contents import contents_of
from modelkiln.image.export import FORMATS, export
from modelkiln.image.layout import Layout
from modelkiln.progress import Progress
from modelkiln.wording import counted

HELP = "Write an image with all of its layers to one file: an OCI or Docker archive, or a full OCI layout."
EXAMPLES = (
    "export dist/models.digits/digits.oci digits.tar",
    "export digits.oci digits.tar --format docker-archive --name digits:1.2.0",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln export`."""
    add_layout(parser)
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="file (or, for oci-layout, folder) to write")
    parser.add_argument("--format", choices=FORMATS, default="oci-archive", help="default: %(default)s")
    parser.add_argument(
        "--name",
        metavar="NAME:TAG",
        help="what the image is called in the archive (default of a docker-archive: the target's name and version)",
    )
    add_store(parser)
    add_record(parser)


def run(args: argparse.Namespace) -> int:
    """Write the archive and say what it is."""
    layout = Layout(args.layout)
    entry = layout.select(args.image)
    needs_name = args.format == "docker-archive" or args.name is not None
    name = image_name(args, layout, entry) if needs_name else None
    total = sum(descriptor.size for descriptor in contents_of(layout, entry).blobs)
    with Progress("export", total) as progress:
        export(blobs_of(args, layout).counted(progress.add), entry, args.output, args.format, name)
    size = counted(total, "byte")
    print(f"{args.output}: {args.format} of {entry.descriptor.digest}, {size} of blobs", file=sys.stderr)
    return 0
