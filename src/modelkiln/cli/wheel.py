"""`modelkiln build wheel`: a wheel from an sdist."""

import argparse
import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.environment import closure
from modelkiln.errors import ModelkilnError
from modelkiln.memo import Memo
from modelkiln.sources.wheels import wheel_digest
from modelkiln.store import Store
from modelkiln.wheel_build import BUILDER, build_wheel

HELP = "Build the wheel of an sdist, in an environment of locked wheels and without a network."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build wheel`."""
    parser.add_argument("--sdist", type=Path, required=True, help="name, version, filename and sha256, a JSON file")
    parser.add_argument("--requirements", type=Path, required=True, help="the resolved lock of build requirements")
    parser.add_argument("--remedy", required=True, help="the command that locks build requirements")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the wheel's JSON goes")


def run(args: argparse.Namespace) -> int:
    """Build, and tell of the wheel."""
    sdist = json.loads(args.sdist.read_text("utf-8"))
    resolved = json.loads(args.requirements.read_text("utf-8"))

    def choose(requires: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return choose_requirements(sdist, resolved, requires, args.remedy)

    store = Store(args.store)
    # One that was built before, and is still whole in the store, is not built again.
    memo, question = Memo(store, "built"), {"builder": BUILDER, "sdist": sdist, "requirements": resolved}
    built = memo.recall(question)
    if built is None or not store.verify(wheel_digest(built)):
        built = build_wheel(sdist, resolved["python"], choose, store)
        memo.remember(question, built)
    args.output.write_bytes(canonical_json(built))
    return 0


def choose_requirements(
    sdist: Mapping[str, Any], resolved: Mapping[str, Any], requires: Sequence[str], remedy: str
) -> list[dict[str, Any]]:
    """Return the wheels of a resolved lock that an sdist's build requirements stand for."""
    try:
        wheels = closure(resolved, requires)
    except ModelkilnError as error:
        raise ModelkilnError(
            f"{sdist['name']} {sdist['version']} is built from {sdist['filename']}, which needs "
            f"{', '.join(requires)}: {error} Build requirements are locked by: {remedy}."
        ) from None
    sdists = [f"{wheel.name} {wheel.version}" for wheel in wheels if wheel.is_sdist]
    if sdists:
        raise ModelkilnError(
            f"{sdist['name']} {sdist['version']} is built from {sdist['filename']}, and what builds it has no wheel: "
            f"{', '.join(sdists)}. Lock versions of them that have one."
        )
    return [wheel.to_json() for wheel in wheels]
