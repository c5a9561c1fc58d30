"""`modelkiln build fetch`: an environment's wheels into the store."""

import argparse
import json
from pathlib import Path
from typing import Any, Mapping

from modelkiln.builds.wheel import provide_wheels
from modelkiln.canonical import canonical_json
from modelkiln.manifest.wheels import check_requires, check_wheels, open_wheels, wheel_digest
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store
from modelkiln.wheels.contents import read_contents
from modelkiln.wheels.cuda_libraries import library_folder
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
    """Fetch what is missing, check all wheels, and report size and unpacked_size in bytes, and "libraries".

    Also "contents", for each wheel: see `modelkiln.wheels.contents`."""
    store = Store(args.store)
    request = json.loads(args.wheels.read_text("utf-8"))
    wheels = check_wheels(request["wheels"])
    provide_wheels(wheels, request["python"], store)
    with open_wheels(wheels, store) as opened:
        check_conflicts([install(wheel, Venv(request["python"])) for wheel in opened])
        for wheel, found in zip(wheels, opened):
            if wheel["name"] in request.get("requires", {}):
                check_requires(found, request["requires"][wheel["name"]])
            wheel["size"] = store.path(wheel_digest(wheel)).stat().st_size
            wheel["unpacked_size"] = found.unpacked_size
            libraries = sorted({library_folder(file.path) for file in found.files} - {""})
            wheel.update({"libraries": libraries} if libraries else {})
        contents = [_contents(wheel, found, store) for wheel, found in zip(wheels, opened)]
    args.output.write_bytes(canonical_json({**request, "wheels": wheels, "contents": contents}))
    return 0


def _contents(wheel: Mapping[str, Any], opened: Wheel, store: Store) -> dict[str, Any]:
    """What a wheel contains, read once on this machine: its libraries have to be decompressed for it."""
    question = {"format": 1, "wheel": wheel["sha256"]}
    found = ResultCache(store, "contents").get(question)
    if found is None:
        found = read_contents(opened)
        ResultCache(store, "contents").put(question, found)
    return {"name": wheel["name"], "version": wheel["version"], **found}
