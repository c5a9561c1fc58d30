"""The package that a command is about, wherever it lies."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from modelkiln.cli.options import add_insecure, add_record, add_store, blobs_of, machine_env
from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import Layout
from modelkiln.registry.reference import parse_image
from modelkiln.wording import report_line

if TYPE_CHECKING:
    from modelkiln.publication.remote_package import RemotePackage

__all__ = ["add_package", "is_registry", "layout_of", "reader_of", "remote_of"]


def add_package(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare PACKAGE, which may be `what`, and the options to find it and to choose in it."""
    parser.add_argument("package", metavar="PACKAGE", help=what)
    parser.add_argument(
        "--image",
        metavar="NAME",
        help="which one, where there are several: its platform, digest, or in a layout its tag",
    )
    add_record(parser)
    add_insecure(parser)
    add_store(parser)


def is_registry(package: str) -> bool:
    """Whether a package is named by its place in a registry; raises ModelkilnError for a path that leads nowhere."""
    path = Path(package)
    if not path.exists() and path.parts[:1] in {("dist",), ("/",), ("..",)}:
        raise ModelkilnError(f"{path}: does not exist. Package it, or name an image of a registry.")
    return not path.exists()


def layout_of(args: argparse.Namespace) -> Layout:
    """Return the layout that is named."""
    return Layout(Path(args.package))


def reader_of(args: argparse.Namespace, layout: Layout) -> Callable[[Descriptor], bytes]:
    """Return what reads small blobs of a layout, wherever they are."""
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.blob_source import BlobSource

    return BlobSource(blobs_of(args, layout), machine_env(args)).read


def remote_of(args: argparse.Namespace) -> "RemotePackage":
    """Return the package in a registry that is named."""
    from modelkiln.publication.remote_package import RemotePackage

    return RemotePackage(parse_image(args.package), machine_env(args), report_line)
