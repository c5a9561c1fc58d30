"""Options and helpers that the commands over layouts share."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from modelkiln.digest import check_digest
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import Blobs, find_record, recorded_layers
from modelkiln.image.entries import Entry
from modelkiln.image.layout import Layout
from modelkiln.image.name import ImageName
from modelkiln.machine.settings import INSECURE_REGISTRIES, load_machine_env, select_machine_env
from modelkiln.package.outside import read_record
from modelkiln.store.store import Store

if TYPE_CHECKING:
    from modelkiln.attestation.policy import Policy
    from modelkiln.attestation.signing.signer import Signer

__all__ = [
    "add_builder",
    "add_insecure",
    "add_layout",
    "add_package_digest",
    "add_policy",
    "add_record",
    "add_signer",
    "add_statements",
    "add_store",
    "add_vulnerabilities",
    "blobs_of",
    "image_name",
    "machine_env",
    "package_digests",
    "policy_of",
    "signer_of",
    "store_of",
]


def add_layout(parser: argparse.ArgumentParser) -> None:
    """Declare LAYOUT and --image."""
    parser.add_argument("layout", type=Path, metavar="LAYOUT", help="folder of an OCI image layout")
    parser.add_argument(
        "--image",
        metavar="NAME",
        help="which one, where the layout holds several: its tag, digest, platform or accelerator",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """Declare --store."""
    parser.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="folder of blobs that are not in the layout (default: $MODELKILN_STORE, else the one that "
        "Pants uses, ~/.cache/pants/named_caches/modelkiln)",
    )


def add_record(parser: argparse.ArgumentParser) -> None:
    """Declare --record."""
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="the package's record, with the recipes of missing blobs (default: NAME.package.json next to NAME.oci)",
    )


def add_vulnerabilities(parser: argparse.ArgumentParser) -> None:
    """Declare --vulnerabilities."""
    parser.add_argument(
        "--vulnerabilities",
        action="append",
        type=Path,
        metavar="FILE",
        help="what a scanner says of the package, or of what was in it before: JSON of Grype, Trivy or OSV-Scanner, or "
        "CycloneDX (VEX); repeatable",
    )


def add_builder(parser: argparse.ArgumentParser) -> None:
    """Declare --builder-id."""
    parser.add_argument(
        "--builder-id",
        default="",
        metavar="URI",
        help="who has built the package, for its provenance, such as https://ci.example.com/runners/release",
    )


def add_attestation_manifests(parser: argparse.ArgumentParser) -> None:
    """Declare --attestation-manifests."""
    parser.add_argument(
        "--attestation-manifests",
        action="store_true",
        help="tag an index that also lists, for docker's tools, the bill of materials (SPDX) and the provenance of "
        "each image; the digests of the images stay",
    )


def add_statements(parser: argparse.ArgumentParser) -> None:
    """Declare --statement."""
    parser.add_argument(
        "--statement",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an in-toto statement about what is published, such as a result of tests, to put next to it; repeatable",
    )


def add_insecure(parser: argparse.ArgumentParser) -> None:
    """Declare --insecure."""
    parser.add_argument(
        "--insecure",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help=f"a registry without TLS, which is refused otherwise; repeatable (also: ${INSECURE_REGISTRIES})",
    )


def add_package_digest(parser: argparse.ArgumentParser) -> None:
    """Declare --package-digest."""
    parser.add_argument(
        "--package-digest",
        action="append",
        default=[],
        metavar="SHA256",
        help="the package that is expected, as its record states it; one for each image of several platforms, or that "
        "of an index",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Declare --policy and --policy-mode."""
    from modelkiln.attestation.policy import MODES

    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="who may sign what, and what a package has to have (TOML)"
    )
    parser.add_argument(
        "--policy-mode",
        choices=MODES,
        help="whether what the policy wants and is not so is passed over, reported or refused (default: its `mode`, "
        "else warn)",
    )


def policy_of(args: argparse.Namespace) -> "Optional[Policy]":
    """Return the policy to hold a package to; None without one, and for the mode `off`."""
    from modelkiln.attestation.policy import Policy

    if args.policy is None:
        if args.policy_mode in ("warn", "enforce"):
            raise ModelkilnError(f"--policy-mode {args.policy_mode}: there is no policy. Name one with --policy.")
        return None
    policy = Policy.load(args.policy)
    policy = replace(policy, mode=args.policy_mode or policy.mode)
    return None if policy.mode == "off" else policy


def add_signer(parser: argparse.ArgumentParser) -> None:
    """Declare who signs. A passphrase is no argument: others can read the arguments of a process."""
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key (EC P-256 or P-384), PEM or cosign's own")
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="with the key's passphrase (default: $COSIGN_PASSWORD, else it is asked for)",
    )
    parser.add_argument(
        "--sign-command",
        default="",
        metavar="COMMAND",
        help="in place of --key, for keys in a KMS: gets the bytes to sign on standard input and prints the signature",
    )
    parser.add_argument(
        "--keyless-command",
        default="",
        metavar="COMMAND",
        help="in place of --key: makes a Sigstore bundle of the file {statement} and writes it to the file {bundle}, "
        "such as 'cosign attest-blob --yes --statement {statement} --bundle {bundle}'",
    )
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="of what --sign-command signs with, in PEM")
    parser.add_argument(
        "--certificate",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="PEM: that of the key, and those between it and an authority, in any order; repeatable",
    )
    parser.add_argument(
        "--timestamp-url",
        default="",
        metavar="URL",
        help="a service that says when a signature was made (RFC 3161), which cosign wants next to certificates",
    )


def signer_of(args: argparse.Namespace, is_required: bool = True) -> "Optional[Signer]":
    """Return who signs; raises ModelkilnError where it is said twice, or not at all though it is required."""
    from modelkiln.attestation.signing.signer import Signer

    signer = Signer(
        key=args.key,
        passphrase_file=args.passphrase_file,
        command=args.sign_command,
        public_key=args.public_key,
        certificates=tuple(args.certificate),
        timestamp_url=args.timestamp_url,
        keyless_command=args.keyless_command,
    )
    if not is_required and signer == Signer():
        return None
    signer.check("--key, --sign-command, --keyless-command")
    return signer


def package_digests(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the digests of --package-digest, each with its prefix; raises ModelkilnError for what is not one."""
    named = (text if text.startswith("sha256:") else f"sha256:{text}" for text in args.package_digest)
    return tuple(check_digest(text, "--package-digest") for text in named)


def machine_env(args: argparse.Namespace) -> dict[str, str]:
    """Return the settings of this machine and of this process for speaking to registries.

    This process's own variables count more than those of the run of Pants that it belongs to.
    """
    here = {name: os.environ[name] for name in ("HOME", "PATH") if os.environ.get(name)}
    env = {**load_machine_env(store_of(args).root), **select_machine_env(os.environ), **here}
    if getattr(args, "insecure", None):
        env[INSECURE_REGISTRIES] = " ".join([env.get(INSECURE_REGISTRIES, ""), *args.insecure])
    return env


def store_of(args: argparse.Namespace) -> Store:
    """Return the store that --store, MODELKILN_STORE or Pants' default names.

    Pants keeps named caches below $XDG_CACHE_HOME/pants, else ~/.cache/pants (pants,
    option/global_options.py, named_caches_dir).
    """
    named = args.store or os.environ.get("MODELKILN_STORE")
    if args.store and not args.store.is_dir():
        raise ModelkilnError(f"--store {args.store}: is not a folder. Give the folder of a store.")
    if named:
        return Store(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return Store((Path(cache) if cache else Path.home() / ".cache") / "pants" / "named_caches" / "modelkiln")


def blobs_of(args: argparse.Namespace, layout: Layout) -> Blobs:
    """Return where the bytes of `layout` are, by --store and --record."""
    return Blobs(layout, store_of(args), recorded_layers(layout.path, args.record))


def image_name(args: argparse.Namespace, layout: Layout, entry: Entry) -> ImageName:
    """Return the name of --name, else the target's name and version: by the record, without one by what the
    manifest's annotations say."""
    if args.name:
        return ImageName.parse(args.name)
    try:
        record = read_record(find_record(layout.path, args.record) or b"{}", "the record", needs=())
        named = record.get("name") or "", record.get("version") or ""
    except ModelkilnError:
        named = "", ""
    annotations = layout.read_json(entry.descriptor).get("annotations") or {}
    return ImageName.of_package(*named, annotations, layout.path.resolve().name)
