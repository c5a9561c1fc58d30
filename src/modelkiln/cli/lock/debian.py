"""`modelkiln build debian-lock`: pin the packages of a base."""

import argparse
import json
from pathlib import Path
from typing import Any, Mapping

from modelkiln.base.debian_changes import describe_changes
from modelkiln.base.debian_index import KEYRING, Suite, find_fixes, lock_packages
from modelkiln.base.debian_lock import format_lock, load_lock, parse_package_list
from modelkiln.base.debian_mirrors import MIRROR_VARIABLE, fetch_debs
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store

HELP = "Pin Debian packages, and what they depend on, by version and hash."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build debian-lock`."""
    parser.add_argument("--packages", type=Path, required=True, help="the package list")
    parser.add_argument("--suite", required=True, help="the suite's code name, like bookworm")
    parser.add_argument("--component", action="append", default=[], help="part of the suite; repeatable; default main")
    parser.add_argument("--security", action="store_true", help="take newer versions of the suite's security suite")
    parser.add_argument("--architecture", required=True, help="Debian's name of it, like amd64")
    parser.add_argument("--output", type=Path, required=True, help="the lock file")
    parser.add_argument("--check", action="store_true", help="fail when the lock file would change")
    parser.add_argument("--mirror", action="append", default=[], help="instead of apt's; repeatable")
    parser.add_argument("--keyring", type=Path, default=KEYRING, help="the archive's public keys")
    parser.add_argument("--where", default="", help="the target's address, for messages")
    parser.add_argument("--known", type=Path, help="the lock that is there, for --summary")
    parser.add_argument(
        "--summary", type=Path, help="write a JSON list of what changed, and of fixes that are not taken"
    )
    parser.add_argument("--store", type=Path, help="where packages of a security suite are kept; its machine settings")


def run(args: argparse.Namespace) -> int:
    """Write the lock file, or compare it (--check)."""
    names, left_out = parse_package_list(args.packages.read_text("utf-8"), str(args.packages))
    components = tuple(args.component) or ("main",)
    suite = Suite(args.suite, args.architecture, _env(args), args.mirror, args.keyring, components, args.security)
    try:
        lock = lock_packages(names, left_out, suite)
        if args.summary:
            args.summary.write_text(json.dumps(_summary(args, lock, suite)), "utf-8")
        if args.security and args.store and not args.check:
            _keep(lock, Store(args.store), suite)
    except ModelkilnError as error:
        raise ModelkilnError(f"{args.where}: {error}" if args.where else str(error)) from None
    if not args.check:
        args.output.write_text(format_lock(lock), "utf-8")
        return 0
    if not args.output.is_file():
        raise ModelkilnError(f"{args.output}: is missing. Lock the base with pants lock.")
    old = load_lock(args.output.read_text("utf-8"), str(args.output))
    if old != lock:
        raise ModelkilnError(
            f"{args.output}: is not the lock of {args.packages} in {args.suite} any more: "
            f"{', '.join(describe_changes(old, lock, {})) or 'another suite or architecture'}. "
            "Lock the base again with pants lock."
        )
    return 0


def _env(args: argparse.Namespace) -> dict:
    import os

    from modelkiln.machine.settings import load_machine_env, select_machine_env

    if args.store:
        return load_machine_env(args.store)
    return {**load_machine_env(Path(os.devnull)), **select_machine_env(os.environ)}


def _summary(args: argparse.Namespace, lock: Mapping[str, Any], suite: Suite) -> list[str]:
    try:
        old = load_lock(args.known.read_text("utf-8"), str(args.known)) if args.known else None
    except ModelkilnError:
        old = None  # It is about to be replaced.
    # Another architecture's or suite's versions say nothing about this one's.
    old = old if old and (old["suite"], old["architecture"]) == (suite.name, suite.architecture) else None
    return describe_changes(old, lock, find_fixes((old or lock)["packages"], suite))


def _keep(lock: Mapping[str, Any], store: Store, suite: Suite) -> None:
    """Fetch what the security archive has today and may drop tomorrow."""
    mirrors = {MIRROR_VARIABLE: " ".join(suite.mirrors)} if suite.mirrors else {}
    fetch_debs(lock["packages"], store, {**suite.env, **mirrors})
