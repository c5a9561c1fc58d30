"""The scenarios, each with its target. A scenario yields rows of the table."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from itertools import count
from pathlib import Path
from typing import Callable, Iterator, Mapping, Optional

from beginning import begin
from bench import GIB, PEER, Bench
from costs import costs
from engine import write_big_wheel
from ensemble import answer_ensemble, package_ensemble
from forests import check_forests
from generate import write_big_file
from large_base import edit_on_base
from linting import lint
from measure import Sample, median_of, repeat
from pages import report
from pex_edits import edit_pexes, start_pexes
from publishing import publish_big, publish_edits, publish_kit
from publishing_turns import publish_in_turns
from rows import MB, Row
from scale import clean_runner, scale
from starting import start_lazy
from supply_chain import describe_package
from variants import cuda, cuda_ten, pex_cold, platforms
from verifying import verify
from weights_plane import lock_big, lock_kit, lock_small, package_locked
from workspace import Workspace

__all__ = ["SCENARIOS", "Row"]

_numbers = count(1)


def _row(scenario: str, ours: Sample, name: str = "", other: Optional[Sample] = None, target: str = "",
         limit: Optional[float] = None) -> Row:  # fmt: skip
    written = (ours.written, other.written if other else None)
    return Row(scenario, ours.seconds, name, other.seconds if other else None, target, limit, written=written)


def nothing_to_do(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """`package` when nothing changed and when a line did, against `list`, one after the other."""
    for number in packages:
        workspace = _packaged(bench, packages=number)
        edited = partial(repeat, 1, workspace.package, lambda workspace=workspace: _edit(workspace))
        rounds = [(workspace.pants("list", "::"), workspace.package(), edited()) for _ in range(bench.rounds)]
        floor, ours, edit = (median_of(samples) for samples in zip(*rounds))
        limit = 1.15 * floor.seconds + 0.1
        for name, sample in (("nothing to do", ours), ("one-line edit", edit)):
            yield _row(f"{name}, {number} packages", sample, "list ::", floor, "1.15 x list + 0.1 s", limit)


def edit_image(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """One line of an inference script changes: a new image."""
    workspace = _packaged(bench)
    ours = repeat(bench.rounds, workspace.package, lambda: _edit(workspace))
    peer = _peer(bench, workspace, _edit_context)
    limit = min(0.8, peer.seconds) if peer else 0.8
    yield _row("one-line edit, image", ours, "buildah", peer, "0.8 s and buildah", limit)


def change_weights(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """The weights change: a new image."""
    workspace = _packaged(bench)
    ours = repeat(bench.rounds, workspace.package, lambda: workspace.repo.change_weights(0, f"round {next(_numbers)}"))
    yield _row("changed weights, image", ours, "buildah", _peer(bench, workspace, _change_context_weights))


def edit_big(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """One line changes next to 1 GiB of weights: a new image."""
    workspace = bench.workspace(big=GIB)
    bench.cold(workspace)
    first = workspace.package()
    ours = repeat(bench.rounds, workspace.package, lambda: _edit(workspace))
    yield _row("cold, 1 GiB of weights", first)
    peer = None
    if not bench.no_peer:
        context = bench.context(workspace)
        tag = f"{PEER}-big"
        bench.buildah.build(context, tag)
        rounds = min(bench.rounds, 3)
        peer = repeat(rounds, lambda: bench.buildah.build(context, tag), lambda: _edit_context(context))
    limit = peer.seconds / 10 if peer else 1.2
    yield _row("one-line edit, 1 GiB of weights", ours, "buildah", peer, "1/10 of buildah", limit)


def edit_pex(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """One line of an inference script changes: a new PEX."""
    workspace = _packaged(bench, formats=("pex",))
    ours = repeat(bench.rounds, workspace.package, lambda: _edit(workspace))
    context = bench.context(workspace)
    bench.pex.build(context)
    peer = repeat(bench.rounds, lambda: bench.pex.build(context), lambda: _edit_context(context))
    yield _row("one-line edit, PEX", ours, "pex --no-compress", peer, "pex", peer.seconds)


def edit_wheel(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """One line of an inference script changes: a new wheel."""
    workspace = _packaged(bench, formats=("wheel",))
    edited = partial(repeat, 1, workspace.package, lambda: _edit(workspace))
    # In turns: what an edit costs more than nothing is less than the machine's changes.
    rounds = [(workspace.pants("list", "::"), edited()) for _ in range(bench.rounds)]
    floor, ours = (median_of(samples) for samples in zip(*rounds))
    yield _row("one-line edit, wheel", ours, "list ::", floor, "0.3 s", 0.3)


def cold(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Nothing was built before; wheels and Debian packages were downloaded."""
    yield _row("the engine's tool, once on a machine", bench.first)
    one: Optional[Sample] = None
    for number in packages:
        workspace = bench.workspace(packages=number)
        ours = repeat(bench.cold_rounds, workspace.package, partial(bench.cold, workspace))
        if number == 1:
            one, peer = ours, _cold_peer(bench, workspace)
            yield _row("cold, 1 package", ours, "buildah", peer)
            like = repeat(bench.cold_rounds, workspace.package, partial(_cold_but_base, bench, workspace))
            limit = peer.seconds / 2 if peer else None
            yield _row("cold, 1 package, base at hand as buildah's", like, "buildah", peer, "1/2 of buildah", limit)
        else:
            target, limit = ("4 x one package", 4 * one.seconds) if one and number == 100 else ("", None)
            yield _row(f"cold, {number} packages", ours, "1 package", one, target, limit)


def size(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """How large the image is."""
    workspace = _packaged(bench)
    layers = workspace.record()["layers"]
    ours = (sum(layer["descriptor"]["size"] for layer in layers), sum(layer["unpacked_size"] for layer in layers))
    peer = (None, None) if bench.no_peer else bench.buildah.sizes(bench.peer_image)
    for name, mine, other in zip(("compressed", "unpacked"), ours, peer):
        limit = other / 2 / MB if other else None
        yield Row(f"image size, {name}", mine / MB, "buildah", other and other / MB, "1/2 of buildah", limit, "MB")


def start(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """From `podman run` to the first prediction."""
    if bench.no_peer or not shutil.which("podman"):
        return
    workspace, tag = _packaged(bench), "localhost/bench-ours:1"
    record = workspace.layout().with_name("digits.package.json")
    bench.engine.run(
        "load", "--into=podman", f"--name={tag}", f"--store={workspace.store}", f"--record={record}",
        str(workspace.layout()), env=bench.buildah.env,
    )  # fmt: skip
    request = workspace.repo.package(0) / "request.json"
    images = (tag, bench.peer_image)
    samples: dict[str, list[Sample]] = {image: [] for image in images}
    # In turns, and often: the two differ by less than the machine does from minute to minute.
    for _ in range(3 * bench.rounds):
        for image in images:
            samples[image].append(bench.buildah.podman_run(image, ["predict"], request))
    ours, peer = (median_of(samples[image]) for image in images)
    yield _row("start to first prediction", ours, "buildah", peer, "buildah's image", peer.seconds)


def memory(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """The peak memory of the process that makes a layer."""
    workspace = _packaged(bench)
    scratch = bench.folder / "memory"
    scratch.mkdir()
    shutil.rmtree(workspace.store / "layers")  # What the engine remembers, it does not make again.
    for layer in workspace.record()["layers"]:
        if layer["kind"] in ("base", "wheels"):
            sample = bench.engine.layer(json.loads(layer["recipe"]), workspace.store, scratch)
            yield _memory_row(f"{layer['kind']} {layer['title']}", sample)
    yield _memory_row("wheel of 1 GiB", _big_wheel(bench, scratch))
    yield _memory_row("weights of 1 GiB", _big_weights(bench, scratch))


def _memory_row(title: str, sample: Sample) -> Row:
    written = (sample.written, None)
    title = f"peak memory, {title[:40]} ({sample.seconds:.1f} s)"
    return Row(title, sample.peak / MB, "", None, "150 MB", 150, "MB", written)


def _big_wheel(bench: Bench, scratch: Path) -> Sample:
    wheel = scratch / "big-1.0-py3-none-any.whl"
    write_big_wheel(wheel, GIB)
    digest = _sha256(wheel)
    store = scratch / "store"
    blob = store / "sha256" / digest[:2] / digest
    blob.parent.mkdir(parents=True)
    wheel.rename(blob)
    wheels = [{"name": "big", "version": "1.0", "filename": wheel.name, "sha256": digest}]
    recipe = {
        "packer": "wheels/3", "wheels": wheels, "python": "3.11", "platform": "linux/amd64", "venv": "opt/venv",
        "compression": "zstd", "bytecode": None,
    }  # fmt: skip
    try:
        return bench.engine.layer(recipe, store, scratch)
    finally:
        shutil.rmtree(store)


def _big_weights(bench: Bench, scratch: Path) -> Sample:
    sources = scratch / "sources"
    sources.mkdir()
    write_big_file(sources / "big.bin", GIB)
    file = {"path": "big.bin", "sha256": _sha256(sources / "big.bin"), "size": GIB}
    recipe = {
        "packer": "files/1", "kind": "weights", "title": "big", "prefix": "models", "compression": "none",
        "files": [file],
    }  # fmt: skip
    try:
        return bench.engine.layer(recipe, scratch / "store", scratch, sources)
    finally:
        shutil.rmtree(scratch / "store")
        shutil.rmtree(sources)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _packaged(bench: Bench, **what) -> Workspace:
    """A monorepo that is packaged already, whatever was cold before."""
    assert bench.saved  # Made first: it wants the caches as a fresh machine has them.
    workspace = bench.workspace(**what)
    workspace.package()
    return workspace


def _edit(workspace: Workspace) -> None:
    workspace.repo.edit_code(0, f"edit {next(_numbers)}")


def _edit_context(context: Path) -> None:
    path = context / "app/models/m000/predict.py"
    path.write_text(path.read_text() + f"# edit {next(_numbers)}\n")


def _change_context_weights(context: Path) -> None:
    path = context / "models/digits.onnx"
    path.write_bytes(path.read_bytes() + b"\x32\x01" + bytes([next(_numbers)]))


def _peer(bench: Bench, workspace: Workspace, change: Callable[[Path], None]) -> Optional[Sample]:
    if bench.no_peer:
        return None
    tag, context = bench.peer_image, bench.context(workspace)
    return repeat(bench.rounds, lambda: bench.buildah.build(context, tag), lambda: change(context))


def _cold_but_base(bench: Bench, workspace: Workspace) -> None:
    bench.cold(workspace)
    workspace.package("prime:base")


def _cold_peer(bench: Bench, workspace: Workspace) -> Optional[Sample]:
    if bench.no_peer:
        return None
    context = bench.context(workspace)
    assert bench.buildah
    return repeat(bench.cold_rounds, lambda: bench.buildah.build(context, f"{PEER}-cold", cached=False))


def publish(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """A changed image, and a new layer of 4 GiB, to a docker-registry on loopback."""
    pushed = publish_edits(bench, _packaged(bench), _edit)
    ours, goal = pushed.samples["ours"], pushed.samples["pants publish"]
    assert ours and goal
    for name in ("skopeo copy", "buildah push"):
        other = pushed.samples[name]
        if other:
            target = ("1.2 x skopeo", 1.2 * other.seconds) if name == "skopeo copy" else ("1 s", 1.0)
            yield Row("publish a one-line edit", ours.seconds, name, other.seconds, *target)
            yield Row("publish a one-line edit, processors", ours.cpu, name, other.cpu)
    limit = 64 * 1024 + pushed.code
    yield Row("publish a one-line edit, sent", pushed.sent, target="64 KiB + code layer", limit=limit, unit="B")
    yield Row("edit and `pants publish`", goal.seconds)
    big = publish_big(bench, 4 * GIB)
    ours, curl = big.samples["ours"], big.samples["curl -T"]
    assert ours and curl
    yield _row("publish a new 4 GiB layer", ours, "curl -T", curl, "1.3 x curl", 1.3 * curl.seconds)
    yield Row("publish a new 4 GiB layer, memory", ours.peak / MB, target="150 MB", limit=150, unit="MB")


def publish_weights(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """An artifact with 2 GiB of locked weights to an empty registry on loopback."""
    workspace = bench.workspace(formats=("artifact",), big=2 * GIB)
    workspace.package("models/m000:digits")
    artifact = workspace.layout().with_suffix(".artifact")
    pushed = publish_kit(bench, artifact, workspace.store, workspace.repo.package(0) / "big.bin")
    ours, kit = pushed.samples["ours"], pushed.samples["kit push"]
    assert ours and kit
    yield _row("publish 2 GiB of weights", ours, "kit push", kit, "kit push", kit.seconds)


SCENARIOS: Mapping[str, Callable[[Bench, list[int]], Iterator[Row]]] = {
    "cold": cold,
    "nothing": nothing_to_do,
    "costs": costs,
    "lint": lint,
    "edit": edit_image,
    "weights": change_weights,
    "pex": edit_pex,
    "pex-edits": edit_pexes,
    "pex-starts": start_pexes,
    "wheel": edit_wheel,
    "pex-cold": pex_cold,
    "cuda": cuda,
    "cuda-ten": cuda_ten,
    "platforms": platforms,
    "size": size,
    "start": start,
    "lazy-start": start_lazy,
    "memory": memory,
    "big": edit_big,
    "lock": lock_big,
    "lock-kit": lock_kit,
    "lock-small": lock_small,
    "ensemble": package_ensemble,
    "ensemble-answer": answer_ensemble,
    "forests": check_forests,
    "weights-plane": package_locked,
    "supply-chain": describe_package,
    "publish": publish,
    "base": edit_on_base,
    "verify": verify,
    "report": report,
    "begin": begin,
    "publish-weights": publish_weights,
    "publish-turns": publish_in_turns,
    "scale": scale,
    "clean-runner": clean_runner,
}
