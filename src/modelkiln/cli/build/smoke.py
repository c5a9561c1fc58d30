"""`modelkiln build smoke`: a packaged model answers a request as expected."""

import argparse
import json
import os
import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ContextManager, Iterable, Mapping, NamedTuple, Optional

from modelkiln.conventions import MODELS_MOUNT
from modelkiln.errors import ModelkilnError
from modelkiln.layer import Layer
from modelkiln.layers import weights
from modelkiln.layers.small import LAZY_STORE
from modelkiln.layers.weights_files import ModelsFolder, models_folder
from modelkiln.machine.gpu import Gpu, find_gpu
from modelkiln.machine.sandbox import can_run
from modelkiln.machine.settings import find_python
from modelkiln.pinned_file import PinnedFile
from modelkiln.runtime.start.host import VARIABLE as IGNORED_REQUIREMENTS
from modelkiln.runtime.start.provided import FOLDER as PROVIDED
from modelkiln.runtime.start.provided import VARIABLE as PROVIDED_VARIABLE
from modelkiln.runtime.weights.store import WeightsStore, stamp_of
from modelkiln.smoke.comparison import Tolerance
from modelkiln.smoke.cuda_linking import check_cuda_libraries
from modelkiln.smoke.installed_wheel import install_wheel
from modelkiln.smoke.own_command import check_own_command
from modelkiln.smoke.plan import SmokePlan
from modelkiln.smoke.runnable_image import open_image, unpacked
from modelkiln.smoke.smoke_test import (
    NOT_RUN,
    NotRun,
    Runner,
    Smoke,
    image_runner,
    program_runner,
    read_smoke,
    record_smoke,
    run_smoke,
)
from modelkiln.store.store import Store
from modelkiln.store.users import register
from modelkiln.weights.lock import set_digest
from modelkiln.wheels.platforms import why_not_here

HELP = "Run a package on a request and compare its response with the expected one."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build smoke`."""
    parser.add_argument("plan", type=Path, metavar="PLAN", help="JSON, see modelkiln.smoke.plan")
    parser.add_argument("--store", type=Path, required=True, help="the store's folder")


def run(args: argparse.Namespace) -> int:
    """Print one line that starts with "passed" or "recorded"; raises ModelkilnError on failure.

    Where this host cannot run an image, or lacks what the package declares that it needs, the line starts with
    "skipped:" and the code is NOT_RUN.
    """
    plan, store = SmokePlan.read(args.plan), Store(args.store)
    plan = plan if os.path.isdir(plan.provided) else replace(plan, provided="")
    record = json.loads(Path(plan.record).read_text("utf-8"))
    expected = None if plan.response else Path(plan.expected)
    smoke = read_smoke(record, Path(plan.request), expected, Tolerance(plan.rtol, plan.atol))
    gpu = find_gpu() if plan.has_gpu else None
    if plan.has_gpu and gpu is None:
        raise ModelkilnError("smoke: the plan asks for a GPU, but this machine has no NVIDIA device with a driver.")
    wheels = (wheel["filename"] for wheel in record["requirements"])
    reason = can_run() if plan.format == "oci" else why_not_here(wheels)
    if reason:
        print(f"skipped: {reason}")
        return NOT_RUN
    # As in a deployment of the package: weights are mounted, or a store has been filled.
    if _is_lazy(plan, record):
        _fill_store(plan.weights, record, store)
    try:
        _perform(plan, smoke, store, record, gpu)
    except NotRun as reason:
        print(f"skipped: {reason}")
        return NOT_RUN
    untested = _untested(plan, record.get("variant") or {}, gpu)
    if untested:
        print(f"not run: what {untested}; the fallback answered.")
    return 0


def _untested(plan: SmokePlan, variant: Mapping[str, Any], gpu: Optional[Gpu]) -> str:
    """What a test of a variant that is for a device could not run, else "". Images get NVIDIA's devices alone."""
    if variant.get("cuda"):
        return "" if gpu else f"CUDA {variant['cuda']} computes, since this machine has no NVIDIA GPU"
    is_image = plan.format == "oci"
    if variant.get("rocm") and (is_image or not os.path.exists("/dev/kfd")):
        where = "images are tested without AMD GPUs" if is_image else "this machine has no AMD GPU"
        return f"ROCm {variant['rocm']} computes, since {where}"
    if variant.get("tpu") and (is_image or not (os.path.exists("/dev/accel0") or os.path.exists("/dev/vfio/0"))):
        return f"a TPU computes, since {'images are tested without TPUs' if is_image else 'this machine has no TPU'}"
    return ""


def _perform(plan: SmokePlan, smoke: Smoke, store: Store, record: Mapping[str, Any], gpu: Optional[Gpu]) -> None:
    """Run the test where weights and provided requirements are as in a deployment, and print how it went."""
    is_lazy = _is_lazy(plan, record)
    # Where a device is missing, the fallback is what is tested.
    has_device = not _untested(plan, record.get("variant") or {}, gpu)
    settings = {} if has_device else {IGNORED_REQUIREMENTS: "device_memory"}
    with _mounted(plan, store) if record.get("weights") == "sidecar" else nullcontext() as models:
        if plan.format == "oci":
            mounts = {MODELS_MOUNT: models.path} if models else {}
            mounts.update({f"{MODELS_MOUNT}/{path}": file for path, file in models.mounts.items()} if models else {})
            mounts.update({LAZY_STORE: store.root} if is_lazy else {})
            mounts.update({PROVIDED: Path(plan.provided)} if plan.provided else {})
            print(_run_image(plan, smoke, store, _Surroundings(settings, mounts, gpu), record))
        else:
            settings.update({"MODELKILN_MODELS": str(models.path)} if models else {})
            settings.update({"MODELKILN_STORE": os.path.abspath(store.root)} if is_lazy else {})
            settings.update({PROVIDED_VARIABLE: plan.provided} if plan.provided else {})
            files = {models.path / path: file for path, file in models.mounts.items()} if models else {}
            print(_run_program(plan, smoke, store, _Surroundings(settings, files), record))


def _is_lazy(plan: SmokePlan, record: Mapping[str, Any]) -> bool:
    return record.get("weights") == "lazy" or (plan.format == "wheel" and bool(record["wheel"]["weights_lock"]))


def _fill_store(layers: Iterable[Layer], record: Mapping[str, Any], store: Store) -> None:
    """Fetch what the store lacks, and make the package's view: with lazy weights it runs without a network here,
    and its store is mounted read-only, as it would where its store was filled before."""
    for layer in layers:
        for file in weights.fetch(layer.recipe, store).values() if layer.recipe else ():
            if file.start is not None:  # The runtime knows blobs that are a file.
                with store.writer(f"sha256:{file.sha256}") as blob:
                    blob.write(file.read())
    files = [PinnedFile.from_json(file) for file in record["artifacts"]]
    digest, shared = set_digest((file.sha256, file.path) for file in files), WeightsStore(Path(store.root))
    view = shared.fill_view(digest, files, shared.stamps(digest))
    shared.keep_stamps(digest, {file.path: stamp_of(view / file.path) for file in files})


def _mounted(plan: SmokePlan, store: Store) -> ContextManager[ModelsFolder]:
    return models_folder(plan.weights, store, Path(os.path.abspath(plan.models)))


def _test(plan: SmokePlan, smoke: Smoke, runner: Runner) -> str:
    if not plan.response:
        return run_smoke(smoke, runner, plan.timeout)
    return record_smoke(smoke, runner, plan.timeout, Path(plan.response))


class _Surroundings(NamedTuple):
    """What a package runs with: variables, what is seen where (`sandbox.with_mounts`, and of an image
    `sandbox.sandbox_command`), and this machine's GPUs."""

    settings: Mapping[str, str]
    mounts: Mapping[Any, Path]
    gpu: Optional[Gpu] = None


def _run_program(
    plan: SmokePlan, smoke: Smoke, store: Store, surroundings: _Surroundings, record: Mapping[str, Any]
) -> str:
    with tempfile.TemporaryDirectory() as folder:
        register(store.root)  # What is used of a cache from now on stays.
        # abspath keeps a virtual environment's link to its interpreter, which distinguishes it from that.
        program = [Path(os.path.abspath(plan.package))]
        if plan.format in ("pex", "wheel"):
            python = Path(plan.python) if "/" in plan.python else find_python(store.root, plan.python)
            program.insert(0, Path(os.path.abspath(python)))
        if plan.format == "wheel":
            wheel = Path(shutil.copy(plan.package, folder))
            program = [install_wheel(wheel, record, plan.wheels, program[0], store)]
        cache = Path(os.path.abspath(store.root / "pex-run"))
        runner = program_runner(program, cache, Path(folder), surroundings.settings, surroundings.mounts)
        return _test(plan, smoke, runner)


def _run_image(
    plan: SmokePlan, smoke: Smoke, store: Store, surroundings: _Surroundings, record: Mapping[str, Any]
) -> str:
    image = open_image(Path(plan.package), plan.layers, store, Path(plan.models) if plan.models else None)
    with unpacked(image, store) as made:
        root = made.root
        check_own_command(image, root)
        settings, mounts, gpu = surroundings
        report = _test(plan, smoke, image_runner(image, root, {**made.mounts, **mounts}, gpu, settings))
        if not smoke.cuda:
            return report
        others = (record.get("ensemble") or {}).get("environments") or {}
        environments = {path: one["requirements"] for path, one in others.items()}
        linked = check_cuda_libraries(image, root, environments)
        more = f"; of no use here: {', '.join(linked.optional)}" if linked.optional else ""
        return f"{report}\n{linked.libraries} libraries that use CUDA find all they need{more}"
