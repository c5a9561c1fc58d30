"""`modelkiln pull`: a package out of a registry."""

import argparse
from pathlib import Path

from modelkiln.cli.options import (
    add_insecure,
    add_package_digest,
    add_policy,
    add_store,
    machine_env,
    package_digests,
    policy_of,
)
from modelkiln.errors import ModelkilnError
from modelkiln.progress import Progress
from modelkiln.registry.reference import parse_image
from modelkiln.wording import print_lines, report_line

_PARTS = ("layout", "record", "signature", "weights")

HELP = "Fetch a package from a registry, or only its record, signature or weights; every file is held to its record."
EXAMPLES = (
    "pull registry.example.com/models/digits:1.2.0 -o digits.oci",
    "pull registry.example.com/models/digits:1.2.0 --only weights -o models",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln pull`."""
    parser.add_argument("reference", metavar="REF", help="registry.example.com/name:tag, or name@sha256:...")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder that is made")
    parser.add_argument("--only", choices=_PARTS, default="layout", help="which part (default: all, as an OCI layout)")
    add_package_digest(parser)
    add_policy(parser)
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Fetch, and say what was fetched."""
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.policy_check import judge_remote
    from modelkiln.publication.pull import pull
    from modelkiln.publication.remote_package import RemotePackage

    reference, policy = parse_image(args.reference), policy_of(args)
    package = RemotePackage(reference, machine_env(args), report_line)
    if policy:
        sentences = [f"policy {policy.where}: {one}" for one in judge_remote(package, policy).problems]
        if sentences and policy.mode == "enforce":
            raise ModelkilnError(f"{reference}: {' '.join(sentences)} Nothing of it was fetched.")
        for sentence in sentences:
            report_line(f"{reference}: {sentence}")
    with Progress(f"pull {reference}", sum(blob.size for blob in package.contents.blobs)) as progress:
        folder = pull(package, args.only, args.output, progress.add, package_digests(args), report_line)
    print_lines([f"{folder}: {args.only} of {reference.image}@{package.contents.root.descriptor.digest}"])
    return 0
