"""`modelkiln build fetch`: an environment's wheels into the store."""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.builds.wheel import provide_wheels, trim_wheel
from modelkiln.canonical import canonical_json
from modelkiln.manifest.wheels import check_requires, check_wheels, open_wheels, wheel_digest
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store
from modelkiln.wheels.contents import files_digest, read_contents
from modelkiln.wheels.cuda_libraries import library_folder
from modelkiln.wheels.file_owners import files_to_leave_out
from modelkiln.wheels.venv import Venv, check_conflicts, install
from modelkiln.wheels.wheel import Wheel

HELP = "Put an environment's wheels into the store, and check that they fit together."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build fetch`."""
    parser.add_argument(
        "--wheels", type=Path, required=True, help="wheels, Python, and what they should require, as JSON"
    )
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")
    parser.add_argument("--output", type=Path, required=True, help="where the wheels' JSON with sizes goes")


def run(args: argparse.Namespace) -> int:
    """Fetch what is missing, check all wheels, and report size and unpacked_size in bytes, "files", see
    `modelkiln.wheels.contents.files_digest`, and "libraries".

    Wheels that another one's files win over are reported as they are without those. Also
    "contents", for each wheel: see `modelkiln.wheels.contents`.
    """
    store = Store(args.store)
    request = json.loads(args.wheels.read_text("utf-8"))
    wheels = check_wheels(request["wheels"])
    provide_wheels(wheels, request["python"], store)
    with ExitStack() as stack:
        opened = stack.enter_context(open_wheels(wheels, store))
        for wheel, found in zip(wheels, opened):
            if wheel["name"] in request.get("requires", {}):
                check_requires(found, request["requires"][wheel["name"]])
        trimmed = _trimmed(wheels, opened, request, store)
        if trimmed:
            wheels = check_wheels([{**wheel, **trimmed.get(wheel["name"], {})} for wheel in wheels])
            opened = stack.enter_context(open_wheels(wheels, store))
        check_conflicts([install(wheel, Venv(request["python"])) for wheel in opened], _way_out(request))
        for wheel, found in zip(wheels, opened):
            wheel["size"] = store.path(wheel_digest(wheel)).stat().st_size
            wheel["unpacked_size"] = found.unpacked_size
            wheel["files"] = files_digest(found)
            libraries = sorted({library_folder(file.path) for file in found.files} - {""})
            wheel.update({"libraries": libraries} if libraries else {})
        contents = [_contents(wheel, found, store) for wheel, found in zip(wheels, opened)]
    args.output.write_bytes(canonical_json({**request, "wheels": wheels, "contents": contents}))
    return 0


def _contents(wheel: Mapping[str, Any], opened: Wheel, store: Store) -> dict[str, Any]:
    """What a wheel contains, read once on this machine: its libraries have to be decompressed for it."""
    # The number rises whenever a wheel would be read otherwise, its licence too (`wheels.licenses`).
    question = {"format": 4, "wheel": wheel["sha256"]}
    found = ResultCache(store, "contents").get(question)
    if found is None:
        found = read_contents(opened)
        ResultCache(store, "contents").put(question, found)
    return {"name": wheel["name"], "version": wheel["version"], **found}


def _trimmed(
    wheels: Sequence[Mapping[str, Any]], opened: Sequence[Wheel], request: Mapping[str, Any], store: Store
) -> dict[str, dict[str, Any]]:
    """By name, the wheels that lose files to another one, without them."""
    owners = request.get("owners")
    if not owners:
        return {}
    venv = Venv(request["python"])
    left_out = files_to_leave_out(opened, [install(wheel, venv) for wheel in opened], owners, venv)
    losing = [wheel for wheel in wheels if wheel["name"] in left_out]
    return {wheel["name"]: trim_wheel(wheel, left_out[wheel["name"]], store) for wheel in losing}


def _way_out(request: Mapping[str, Any]) -> str:
    resolve = request.get("resolve")
    if not resolve:
        return ""
    return (
        f"Or say in [modelkiln.resolve_file_owners.{resolve}] which package has the file: its path, or a folder's with "
        "a slash at its end, = the package's name."
    )
