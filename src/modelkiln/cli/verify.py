"""`modelkiln verify`: whether a package is what it says, and what it would run."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

from modelkiln.attestation.judgement import Judgement
from modelkiln.attestation.policy import Policy
from modelkiln.cli.options import (
    add_insecure,
    add_package_digest,
    add_policy,
    add_store,
    machine_env,
    package_digests,
    policy_of,
    store_of,
)
from modelkiln.cli.tables import print_all, word_table
from modelkiln.descriptor import CONFIG, INDEX, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import SCRIPT, is_packed
from modelkiln.image.blobs import find_record
from modelkiln.image.config import parse_config
from modelkiln.image.contents import Contents, contents_of, layout_size
from modelkiln.image.layout import Layout
from modelkiln.package.provided import provided_label
from modelkiln.package.record import PACKAGE_LABEL, variant_records
from modelkiln.progress import Progress
from modelkiln.registry.reference import parse_image
from modelkiln.wording import counted, print_json, report_line

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
    parser.add_argument(
        "package",
        metavar="REF|LAYOUT",
        help="registry.example.com/name:tag, or a layout's folder; with --model-signature a weights lock or a folder",
    )
    parser.add_argument(
        "--model-signature",
        type=Path,
        metavar="FILE",
        help="a signature in OpenSSF's format, which is held to --policy, and the files of a lock or of a folder to it",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object (docs/schemas/verify.json)")
    add_package_digest(parser)
    add_policy(parser)
    parser.add_argument(
        "--repository",
        default="",
        metavar="REGISTRY/NAME",
        help="of a layout, a lock or a folder: the repository by whose rule the policy judges it",
    )
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is wrong, else what the package is; exit code 1 when something is wrong, 3 when it has no record."""
    path = Path(args.package)
    if args.model_signature:
        return _model(args, path)
    if path.is_file() or is_packed(path):
        program = path / SCRIPT if path.is_dir() else path
        raise ModelkilnError(
            f"{path}: is no layout. A PEX, a scie and an installed wheel verify themselves: {program} verify."
        )
    if not path.is_dir() and path.parts[:1] in {("dist",), ("/",), ("..",)}:
        raise ModelkilnError(f"{path}: does not exist. Package it, or name an image of a registry.")
    verified, what = (_layout if path.is_dir() else _remote)(args)
    code = 1 if verified.problems else _NOT_VERIFIED if verified.unverified else 0
    if args.json:
        print_json(
            {
                "package": args.package,
                "result": {0: "verified", 1: "problems", _NOT_VERIFIED: "not verified"}[code],
                "problems": verified.problems,
                "unverified": verified.unverified,
                "notes": verified.notes,
                "images": [dict(one) for one in what],
            }
        )
        return code
    for problem in verified.problems:
        report_line(f"{args.package}: {problem}")
    for sentence in verified.unverified:
        report_line(f"{args.package}: {sentence}")
    for note in verified.notes:
        report_line(f"note: {note}")
    print_all(what, lambda one: [word_table(one, 12)], as_json=False)
    result = "not verified" if verified.unverified else "verified"
    report_line(f"{args.package}: {counted(len(verified.problems), 'problem') if verified.problems else result}")
    return code


def _model(args: argparse.Namespace, path: Path) -> int:
    """Hold files to a signature of theirs, and that to the policy's signers."""
    from modelkiln.attestation.bundle import Bundle
    from modelkiln.attestation.judgement import signer_of
    from modelkiln.attestation.oms import differences, folder_files, read_signed_model
    from modelkiln.weights.lock import load_weights_lock

    policy, name = policy_of(args), str(args.model_signature)
    if policy is None:
        raise ModelkilnError(f"{name}: by whom is it to be? Name a policy with --policy.")
    bundle = Bundle.read(args.model_signature.read_bytes(), name)
    signer = signer_of(bundle, policy.rule_for(args.repository).signers, name)
    signed = read_signed_model(bundle, name)
    if path.is_dir():
        files = folder_files(path, args.model_signature)
    else:
        lock = load_weights_lock(path.read_text("utf-8"), str(path))
        files = {file.path: file.sha256 for file in lock.files}
    problems = differences(signed, files)
    if args.json:
        found = {"package": str(path), "result": "problems" if problems else "verified", "problems": problems}
        print_json({**found, "signer": signer.name, "files": sorted(signed.files)})
        return 1 if problems else 0
    for problem in problems:
        report_line(f"{path}: {problem}")
    what = f"signed by {signer.name}: {counted(len(signed.files), 'file')}"
    report_line(f"{path}: {counted(len(problems), 'problem') if problems else what}")
    return 1 if problems else 0


def _remote(args: argparse.Namespace) -> "tuple[Verified, list]":
    # oras-py, below it, takes as long to import as other commands take to run.
    from modelkiln.publication.policy_check import judge_remote
    from modelkiln.publication.remote_package import RemotePackage
    from modelkiln.publication.verify import verify_remote

    reference, policy = parse_image(args.package), policy_of(args)
    with Progress(f"verify {reference}") as progress:
        package = RemotePackage(reference, machine_env(args), report_line)
        progress.of(0, sum(blob.size for blob in package.contents.blobs))
        verified = verify_remote(package, progress.add, package_digests(args))
    if policy:
        _take_judgement(verified, policy, judge_remote(package, policy))
    if verified.problems:  # What cannot be believed is not shown.
        return verified, []
    return verified, _what(package.contents, package.read, _content(verified.record))


def _layout(args: argparse.Namespace) -> "tuple[Verified, list]":
    from modelkiln.publication.verify import verify_layout

    layout, policy, record = Layout(args.package), policy_of(args), find_record(Path(args.package))
    with Progress(f"verify {layout.path}", layout_size(layout.path)) as progress:
        verified = verify_layout(layout.path, store_of(args), record, package_digests(args), progress=progress.add)
    if policy:
        from modelkiln.publication.policy_check import judge_layout

        held = verified.record if len(layout.own) == 1 else record
        for entry in layout.own:
            judgement = judge_layout(layout, entry.descriptor.digest, held, policy, args.repository)
            _take_judgement(verified, policy, judgement)
    if verified.problems:
        return verified, []
    content, parts = _content(verified.record), [contents_of(layout, entry) for entry in layout.own]
    return verified, [pairs for part in parts for pairs in _what(part, layout.read_blob, content)]


def _take_judgement(verified: "Verified", policy: Policy, judgement: Judgement) -> None:
    """What is not as the policy wants it is a problem where it is enforced, and a note elsewhere."""
    sentences = [f"policy {policy.where}: {problem}" for problem in judgement.problems]
    (verified.problems if policy.mode == "enforce" else verified.notes).extend(sentences)
    if not judgement.problems:
        verified.notes.append(f"policy {policy.where}: {', '.join(judgement.accepted)}.")


def _content(record: Optional[bytes]) -> Mapping[str, Any]:
    return json.loads(record) if record else {}


def _what(contents: Contents, read: Callable[[Descriptor], bytes], record: Mapping[str, Any]) -> list:
    """What each image or artifact of the package is, as pairs of word and value."""
    found = []
    for document in contents.manifests:
        if document.descriptor.media_type == INDEX or document.is_attestation:
            continue
        descriptor = Descriptor.from_json(document.content["config"])
        config = parse_config(read(descriptor), descriptor.digest) if descriptor.media_type == CONFIG else {}
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
