"""`modelkiln verify`: whether a package is what it says, and what it would run."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

from modelkiln.cli.options import (
    add_insecure,
    add_package_digest,
    add_store,
    machine_env,
    package_digests,
    store_of,
)
from modelkiln.descriptor import CONFIG, INDEX, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import find_record
from modelkiln.image.contents import Contents, contents_of
from modelkiln.image.layout import Layout
from modelkiln.package.provided import provided_label
from modelkiln.package.record import PACKAGE_LABEL, variant_records
from modelkiln.progress import Progress
from modelkiln.registry.reference import parse_image
from modelkiln.wording import counted

if TYPE_CHECKING:
    from modelkiln.publication.verify import Verified

HELP = "Hold every file of a package in a registry or in a layout to its record, and report what would run."
EXAMPLES = (
    "verify registry.example.com/models/digits:1.2.0",
    "verify dist/models.digits/digits.oci",
)
# Exit codes: nothing is known to be wrong, but a package could not be held to a record.
_NOT_VERIFIED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln verify`."""
    parser.add_argument("package", metavar="REF|LAYOUT", help="registry.example.com/name:tag, or a layout's folder")
    add_package_digest(parser)
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is wrong, else what the package is; exit code 1 when something is wrong, 3 when it has no record."""
    path = Path(args.package)
    if path.is_file():
        raise ModelkilnError(
            f"{path}: is a file. A PEX, a scie and an installed wheel verify themselves: {path} verify."
        )
    if not path.is_dir() and path.parts[:1] in {("dist",), ("/",), ("..",)}:
        raise ModelkilnError(f"{path}: does not exist. Package it, or name an image of a registry.")
    verified, what = (_layout if path.is_dir() else _remote)(args)
    for problem in verified.problems:
        print(f"{args.package}: {problem}", file=sys.stderr)
    for sentence in verified.unverified:
        print(f"{args.package}: {sentence}", file=sys.stderr)
    for note in verified.notes:
        print(f"note: {note}", file=sys.stderr)
    if what:
        print("\n\n".join("\n".join(f"{word:<12}{value}" for word, value in pairs) for pairs in what))
    result = "not verified" if verified.unverified else "verified"
    print(
        f"{args.package}: {counted(len(verified.problems), 'problem') if verified.problems else result}",
        file=sys.stderr,
    )
    return 1 if verified.problems else _NOT_VERIFIED if verified.unverified else 0


def _remote(args: argparse.Namespace) -> "tuple[Verified, list]":
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.remote_package import RemotePackage
    from modelkiln.publication.verify import verify_remote

    reference = parse_image(args.package)
    package = RemotePackage(reference, machine_env(args), lambda line: print(line, file=sys.stderr, flush=True))
    total = sum(blob.size for blob in package.contents.blobs)
    with Progress(f"verify {reference}", total) as progress:
        verified = verify_remote(package, progress.add, package_digests(args))
    if verified.problems:  # What cannot be believed is not shown.
        return verified, []
    return verified, _what(package.contents, package.read, _content(verified.record))


def _layout(args: argparse.Namespace) -> "tuple[Verified, list]":
    from modelkiln.publication.verify import verify_layout

    layout = Layout(args.package)
    verified = verify_layout(layout.path, store_of(args), find_record(layout.path), package_digests(args))
    if verified.problems:
        return verified, []
    record, contents = _content(verified.record), [contents_of(layout, entry) for entry in layout.own]
    return verified, [pairs for part in contents for pairs in _what(part, layout.read_blob, record)]


def _content(record: Optional[bytes]) -> Mapping[str, Any]:
    return json.loads(record) if record else {}


def _what(contents: Contents, read: Callable[[Descriptor], bytes], record: Mapping[str, Any]) -> list:
    """What each image or artifact of the package is, as pairs of word and value."""
    found = []
    for document in contents.manifests:
        if document.descriptor.media_type == INDEX:
            continue
        descriptor = Descriptor.from_json(document.content["config"])
        config = json.loads(read(descriptor)) if descriptor.media_type == CONFIG else {}
        labels = (config.get("config") or {}).get("Labels") or document.content.get("annotations") or {}
        found.append([("digest", document.descriptor.digest), *_describe(config, labels, record)])
    return found


def _describe(config: Mapping[str, Any], labels: Mapping[str, str], record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a package is and what would run, as (word, value) pairs.

    config: the image's, or {} for an artifact. labels: the image's, or a manifest's annotations.
    record: the package's, or {}; where it is of several images, the image's own is taken by its label.
    """
    digest = labels.get(PACKAGE_LABEL)
    record = next((one for one in variant_records(record) if one.get("package_digest") == digest), record)
    settings = config.get("config") or {}
    variant = record.get("variant") or {}
    platform = f"{config['os']}/{config['architecture']}" if config.get("os") else str(variant.get("platform", ""))
    prefix = "org.opencontainers.image."
    title = [
        record.get("name") or labels.get(prefix + "title"),
        record.get("version") or labels.get(prefix + "version"),
    ]
    pairs = [
        ("name", " ".join(str(one) for one in title if one)),
        ("package", str(record.get("package_digest") or labels.get(PACKAGE_LABEL, ""))),
        ("accelerator", str(variant.get("accelerator") or labels.get("modelkiln.package.accelerator", ""))),
        ("platform", platform),
        ("entrypoint", " ".join([*(settings.get("Entrypoint") or []), *(settings.get("Cmd") or [])])),
        ("runs", str(record.get("entry_point", ""))),
        ("user", str(settings.get("User", ""))),
        # Which no digest of the package covers.
        ("provided", provided_label(record)),
    ]
    return [(word, value) for word, value in pairs if value]
