"""`modelkiln build debian-lock`: pin the packages of a base."""

import argparse
from pathlib import Path

from modelkiln.base.debian_index import KEYRING, Suite, lock_packages
from modelkiln.base.debian_lock import format_lock, load_lock, parse_package_list
from modelkiln.errors import ModelkilnError

HELP = "Pin Debian packages, and what they depend on, by version and hash."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build debian-lock`."""
    parser.add_argument("--packages", type=Path, required=True, help="the package list")
    parser.add_argument("--suite", required=True, help="the suite's code name, like bookworm")
    parser.add_argument("--component", action="append", default=[], help="part of the suite; repeatable; default main")
    parser.add_argument("--architecture", required=True, help="Debian's name of it, like amd64")
    parser.add_argument("--output", type=Path, required=True, help="the lock file")
    parser.add_argument("--check", action="store_true", help="fail when the lock file would change")
    parser.add_argument("--mirror", action="append", default=[], help="instead of apt's; repeatable")
    parser.add_argument("--keyring", type=Path, default=KEYRING, help="the archive's public keys")
    parser.add_argument("--where", default="", help="the target's address, for messages")
    parser.add_argument("--store", type=Path, help="store whose machine settings are used")


def run(args: argparse.Namespace) -> int:
    """Write the lock file, or compare it (--check)."""
    names, left_out = parse_package_list(args.packages.read_text("utf-8"), str(args.packages))
    components = tuple(args.component) or ("main",)
    suite = Suite(args.suite, args.architecture, _env(args), args.mirror, args.keyring, components)
    try:
        lock = lock_packages(names, left_out, suite)
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
            f"{_changes(old, lock)}. Lock the base again with pants lock."
        )
    return 0


def _env(args: argparse.Namespace) -> dict:
    import os

    from modelkiln.machine.settings import load_machine_env, select_machine_env

    if args.store:
        return load_machine_env(args.store)
    return {**load_machine_env(Path(os.devnull)), **select_machine_env(os.environ)}


def _changes(old: dict, new: dict) -> str:
    before = {package["name"]: package for package in old["packages"]}
    after = {package["name"]: package for package in new["packages"]}
    changes = []
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            versions = [side[name]["version"] if name in side else "none" for side in (before, after)]
            changes.append(f"{name} {versions[0]} -> {versions[1]}")
    return ", ".join(changes) or "another suite or architecture"
