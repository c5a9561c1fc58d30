"""`modelkiln build check-artifact`: the files of a model artifact are what they should be."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import BinaryIO, Optional

from modelkiln.canonical import canonical_json
from modelkiln.checks.allowed import Allowed
from modelkiln.checks.check import Finding, Options, check_file, check_set
from modelkiln.checks.onnx.checker import NoChecker
from modelkiln.cli.allowed import add_allowed, allowed_of
from modelkiln.errors import ModelkilnError

HELP = "Check the files of a model artifact and report their formats."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build check-artifact`."""
    parser.add_argument("--sources", type=Path, help="the folder of the artifact's files")
    parser.add_argument("--lock", type=Path, help="or the lock that pins them, of which those in the store are checked")
    parser.add_argument(
        "--batch", type=Path, help="a JSON list of what is allowed in each folder below the sources, called 0, 1, ..."
    )
    parser.add_argument("--pointers", type=Path, help="a JSON list of more files, see modelkiln.weights.pointers")
    parser.add_argument("--store", type=Path, help="the store's folder, which gets what pointers stand for")
    parser.add_argument("--where", required=True, help="what messages call the artifact")
    add_allowed(parser)
    parser.add_argument("--output", type=Path, required=True, help="where the findings' JSON goes")
    parser.add_argument(
        "--may-lack-onnx", action="store_true", help="write null where a file takes the package onnx and there is none"
    )


def run(args: argparse.Namespace) -> int:
    """Check every file, then what they say of each other; write a list of findings, none for those of a lock.

    Of a batch, write such a list for each artifact, and null for one that is not sound: to say what is wrong with it
    is for a check of that one alone.
    """
    if args.batch:
        allowed = map(Allowed.from_json, json.loads(args.batch.read_bytes()))
        folders = ((args.sources / str(number), one) for number, one in enumerate(allowed))
        args.output.write_bytes(canonical_json([_try_folder(folder, args.where, one) for folder, one in folders]))
        return 0
    try:
        findings = _check_all(args)
    except NoChecker:
        if not args.may_lack_onnx:
            raise
        args.output.write_bytes(canonical_json(None))
        return 0
    args.output.write_bytes(canonical_json([finding.to_json() for finding in findings]))
    return 0


def _check_all(args: argparse.Namespace) -> list[Finding]:
    options = Options.of(args.where, allowed_of(args))
    if args.lock:
        _check_locked(args.lock, args.store, options)
        return []
    findings = _check_folder(args.sources, options)
    if args.pointers:
        findings += _check_pointers(args.pointers, args.store, options)
    check_set(findings, options)
    return findings


def _check_folder(folder: Path, options: Options) -> list[Finding]:
    findings = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        findings.append(check_file(name, partial(_open, path), path.stat().st_size, options))
    return findings


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _try_folder(folder: Path, where: str, allowed: Allowed) -> Optional[list[dict]]:
    try:
        options = Options.of(where, allowed)
        findings = _check_folder(folder, options)
        check_set(findings, options)
    except ModelkilnError:
        return None
    return [finding.to_json() for finding in findings]


def _check_pointers(pointers: Path, folder: Path, options: Options) -> list[Finding]:
    # Imported here: it brings all sources of files, half of the start of a step that many packages have.
    from modelkiln.store.store import Store
    from modelkiln.weights.pointers import fetch_pointers, load_pointers

    listed, store = load_pointers(pointers), Store(folder)
    fetch_pointers(listed, store, options.where)
    return [
        check_file(one["path"], partial(store.open, f"sha256:{one['sha256']}"), one["size"], options) for one in listed
    ]


def _check_locked(path: Path, folder: Path, options: Options) -> None:
    from modelkiln.store.store import Store
    from modelkiln.weights.formats import check_locked
    from modelkiln.weights.lock import load_weights_lock

    lock = load_weights_lock(path.read_text("utf-8", "replace"), options.where, options.where)
    check_locked(lock, Store(folder), options)
