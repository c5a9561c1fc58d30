"""`modelkiln build smoke`: a packaged model answers a request as expected."""

import argparse
import json
import os
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import ContextManager, Optional

from modelkiln.conventions import MODELS_MOUNT
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers import weights
from modelkiln.layers.small import LAZY_STORE
from modelkiln.layers.weights_files import models_folder
from modelkiln.machine.gpu import Gpu, find_gpu
from modelkiln.machine.sandbox import can_run
from modelkiln.machine.settings import find_python
from modelkiln.smoke.comparison import Tolerance
from modelkiln.smoke.cuda_linking import check_cuda_libraries
from modelkiln.smoke.runnable_image import open_image, unpacked
from modelkiln.smoke.smoke_test import NOT_RUN, Smoke, image_runner, program_runner, read_smoke, run_smoke
from modelkiln.store.store import Store
from modelkiln.store.users import register

HELP = "Run a package on a request and compare its response with the expected one."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build smoke`."""
    parser.add_argument("--record", type=Path, required=True, help="the package's record")
    parser.add_argument("--request", type=Path, required=True, help="the request, a JSON file")
    parser.add_argument("--expected", type=Path, required=True, help="the expected response, a JSON file")
    parser.add_argument("--rtol", type=float, default=0.0, help="relative tolerance of floats")
    parser.add_argument("--atol", type=float, default=0.0, help="absolute tolerance of floats")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds that predict may take")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pex", type=Path, help="test this PEX file, with --python")
    what.add_argument("--scie", type=Path, help="test this program, which has its own interpreter")
    what.add_argument("--image", type=Path, help="test the image in this OCI layout, with --layers and --store")
    parser.add_argument("--python", help="the interpreter for the PEX: a release such as 3.11, or a path")
    parser.add_argument("--pex-root", type=Path, help="where the PEX unpacks itself (default: a temporary folder)")
    parser.add_argument("--layers", type=Path, help="JSON list of the image's layers")
    parser.add_argument("--store", type=Path, help="the store's folder")
    parser.add_argument("--sources", type=Path, help="folder of the model artifact's files")
    parser.add_argument("--models", type=Path, help="mount this folder as the package's weights")
    parser.add_argument("--weights", type=Path, help="JSON list of layers of weights whose files are mounted too")
    parser.add_argument("--gpu", action="store_true", help="let an image use this machine's NVIDIA GPUs")
    parser.add_argument("--filled", type=Path, help="JSON list of layers whose files the package finds in --store")


def run(args: argparse.Namespace) -> int:
    """Print one line that starts with "passed"; raises ModelkilnError on failure.

    Where this host cannot run an image, the line starts with "skipped:" and the code is NOT_RUN.
    """
    needed = ("python",) if args.pex else ("layers", "store") if args.image else ()
    needed = (*needed, *(("store",) if args.filled else ()))
    missing = sorted({name for name in needed if not getattr(args, name)})
    if missing:
        raise ModelkilnError(f"smoke: give --{' and --'.join(missing)} too.")
    record = json.loads(args.record.read_text("utf-8"))
    smoke = read_smoke(record, args.request, args.expected, Tolerance(args.rtol, args.atol))
    cuda = (record.get("variant") or {}).get("cuda")
    gpu = find_gpu() if args.gpu else None
    if args.gpu and gpu is None:
        raise ModelkilnError("smoke: --gpu, but this machine has no NVIDIA device with a driver.")
    reason = can_run() if args.image else None
    if reason:
        print(f"skipped: {reason}")
        return NOT_RUN
    if args.filled:
        _fill_store(args.filled, Store(args.store))
    with _mounted(args) as models:
        print(_run_image(args, smoke, models, gpu, bool(cuda)) if args.image else _run_program(args, smoke, models))
    if cuda and gpu is None:
        print(f"not run: what CUDA {cuda} computes, since this machine has no NVIDIA GPU; the fallback answered.")
    return 0


def _fill_store(layers: Path, store: Store) -> None:
    """Fetch what the store lacks: a package with lazy weights runs without a network here, as it
    would where its store was filled before."""
    for value in json.loads(layers.read_text("utf-8")):
        recipe = Layer.from_json(value).recipe
        for file in weights.fetch(recipe, store).values() if recipe else ():
            if file.start is not None:  # The runtime knows blobs that are a file.
                with store.writer(f"sha256:{file.sha256}") as blob:
                    blob.write(file.read())


def _run_program(args: argparse.Namespace, smoke: Smoke, models: Optional[Path]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        pex_root = args.pex_root or Path(folder, "pex")
        if args.store:
            register(args.store)  # What is used of a cache from now on stays.
        # abspath keeps a virtual environment's link to its interpreter, which tells it from that.
        program = [Path(os.path.abspath(args.pex or args.scie))]
        if args.pex:
            python = Path(args.python) if "/" in args.python else find_python(args.store, args.python)
            program.insert(0, Path(os.path.abspath(python)))
        cache = Path(os.path.abspath(pex_root))
        settings = {"MODELKILN_MODELS": str(models)} if models else {}
        settings.update({"MODELKILN_STORE": os.path.abspath(args.store)} if args.filled else {})
        return run_smoke(smoke, program_runner(program, cache, scratch, settings), args.timeout)


def _run_image(args: argparse.Namespace, smoke: Smoke, models: Optional[Path], gpu: Optional[Gpu], cuda: bool) -> str:
    store = Store(args.store)
    layers = [Layer.from_json(value) for value in json.loads(args.layers.read_text("utf-8"))]
    image = open_image(args.image, layers, store, args.sources)
    with unpacked(image, store) as root:
        mounts = {MODELS_MOUNT: models} if models else {}
        mounts.update({LAZY_STORE: store.root} if args.filled else {})
        told = run_smoke(smoke, image_runner(image, root, mounts, gpu), args.timeout)
        if not cuda:
            return told
        linked = check_cuda_libraries(image, root)
        more = f"; of no use here: {', '.join(linked.optional)}" if linked.optional else ""
        return f"{told}\n{linked.libraries} libraries that use CUDA find all they need{more}"


def _mounted(args: argparse.Namespace) -> ContextManager[Optional[Path]]:
    layers = [Layer.from_json(value) for value in json.loads(args.weights.read_text("utf-8"))] if args.weights else []
    if layers:
        return models_folder(layers, Store(args.store), args.models)
    return nullcontext(Path(os.path.abspath(args.models)) if args.models else None)
