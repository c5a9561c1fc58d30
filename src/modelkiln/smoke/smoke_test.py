"""The smoke test of a packaged model: one request, and the response that is expected to it."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.machine.gpu import Gpu
from modelkiln.machine.sandbox import Finished, run_command, with_read_only_disk
from modelkiln.package.signature import Signature, read_signature
from modelkiln.runtime.document import parse_json, type_in_words
from modelkiln.runtime.errors import HostError, PackageError
from modelkiln.runtime.tensors import Tensor, read_tensors
from modelkiln.smoke.comparison import EXACT, Tolerance, differences
from modelkiln.smoke.runnable_image import Runnable

__all__ = [
    "NOT_RUN",
    "NotRun",
    "Runner",
    "Smoke",
    "image_runner",
    "program_runner",
    "read_smoke",
    "record_smoke",
    "replaced",
    "run_smoke",
]

# The exit code of a test that could not be run (automake's convention). To a build tool's cache it
# is a failure, so that "could not run" is never remembered as "has passed".
NOT_RUN = 77

# Runs the package's `predict` on a request (bytes of JSON) with a time limit in seconds.
Runner = Callable[[bytes, float], Finished]

# What answers `predict` in an image, also in one whose entrypoint is the user's own server.
_PREDICT = ("/opt/venv/bin/python", "-m", "modelkiln.runtime", "predict", "-")


@dataclass(frozen=True)
class Smoke:
    """A smoke test that agrees with its package's signature.

    signature: its outputs are those that the request asks for. expected: the expected outputs; None for
    a test whose response is to become the expected one. cuda: the release that the package is for, or "".
    """

    request: bytes
    signature: Signature
    expected: Optional[tuple[Tensor, ...]]
    tolerance: Tolerance
    cuda: str = ""


class NotRun(ModelkilnError):
    """This machine lacks what the package declares that it needs of its host."""


def read_smoke(
    record: Mapping[str, Any], request: Path, expected: Optional[Path], tolerance: Tolerance = EXACT
) -> Smoke:
    """Read both files and check them against the record's signature; raises ModelkilnError."""
    signature = read_signature(record.get("signature"), "record: signature")
    data = request.read_bytes()
    document = _parse(data, str(request))
    _check(_tensors(document, "input", str(request)), signature, "input", str(request))
    asked = document.get("outputs")
    if asked:
        names = [item.get("name") for item in asked if isinstance(item, dict)]
        outputs = tuple(spec for spec in signature.outputs if spec.name in names)
        signature = Signature(signature.inputs, outputs)
    wanted = _expected(expected.read_bytes(), str(expected), signature) if expected else None
    return Smoke(data, signature, wanted, tolerance, (record.get("variant") or {}).get("cuda", ""))


def _expected(data: bytes, where: str, signature: Signature) -> tuple[Tensor, ...]:
    wanted = _tensors(_parse(data, where), "output", where)
    _check(wanted, signature, "output", where)
    return tuple(wanted)


def run_smoke(smoke: Smoke, runner: Runner, timeout: float) -> str:
    """Run the package and compare; returns one line for people.

    Raises ModelkilnError when it fails, disagrees with its signature or with what is expected.
    """
    outputs, seconds = _ask(smoke, runner, timeout)
    found = differences(outputs, smoke.expected or (), smoke.tolerance)
    if found:
        raise ModelkilnError(
            "the response is not the expected one.\n" + "\n".join(found) + "\n"
            "If the response is right, make it the expected one (`pants test --smoke-test-record` writes it); if only "
            "rounding differs, set a tolerance."
        )
    return f"passed in {seconds:.2f} s: {_shapes(outputs)}"


def record_smoke(smoke: Smoke, runner: Runner, timeout: float, response: Path) -> str:
    """Run the package and write its response to `response`; returns one line for people.

    Raises ModelkilnError when the package fails or disagrees with its signature.
    """
    outputs, seconds = _ask(smoke, runner, timeout)
    response.write_text(_document(outputs), "utf-8")
    return f"recorded in {seconds:.2f} s: {_shapes(outputs)}"


def replaced(
    record: Mapping[str, Any], before: bytes, response: bytes, where: str, tolerance: Tolerance = EXACT
) -> list[str]:
    """Return lines for people: how a recorded response differs from the one that was expected before.

    record: of the package. before: the content of the file `where`, which may be anything.
    """
    outputs = _tensors(_parse(response, "response"), "output", "response")
    signature = read_signature(record.get("signature"), "record: signature")
    names = {one.name for one in outputs}
    asked = Signature(signature.inputs, tuple(spec for spec in signature.outputs if spec.name in names))
    try:
        return differences(outputs, _expected(before, where, asked), tolerance)
    except ModelkilnError as error:
        return [f"What it replaces was no response of this package: {error}"]


def _document(outputs: Sequence[Tensor]) -> str:
    """A response as people keep it: an output a line, so that a review shows which one changed."""
    lines = (json.dumps(output._asdict(), ensure_ascii=False, allow_nan=False) for output in outputs)
    return '{"outputs": [\n  ' + ",\n  ".join(lines) + "\n]}\n"


def _shapes(outputs: Sequence[Tensor]) -> str:
    return ", ".join(f"{one.name} {one.datatype} {list(one.shape)}" for one in outputs)


def _ask(smoke: Smoke, runner: Runner, timeout: float) -> tuple[list[Tensor], float]:
    """The package's outputs, which agree with its signature, and the seconds that it took."""
    start = time.monotonic()
    finished = runner(smoke.request, timeout)
    seconds = time.monotonic() - start
    # The inference script may end its process with any code; that the host lacks something is the runtime's to say.
    if finished.exit_code == HostError.exit_code and b"\npredict: " in b"\n" + finished.stderr:
        raise NotRun(finished.stderr.decode("utf-8", "replace").strip())
    if finished.exit_code:
        raise ModelkilnError(f"predict {_exit_text(finished.exit_code)}.\n{_printed(finished.stderr)}")
    try:
        outputs = _tensors(_parse(finished.stdout, "response"), "output", "response")
        _check(outputs, smoke.signature, "output", "response")
    except ModelkilnError as error:
        raise ModelkilnError(f"{error}\n{_printed(finished.stderr)}") from None
    return outputs, seconds


def program_runner(
    program: Sequence[Path],
    pex_root: Path,
    scratch: Path,
    settings: Optional[Mapping[str, str]] = None,
    mounts: Optional[Mapping[Path, Path]] = None,
) -> Runner:
    """Run an interpreter with its PEX file, or a program that has both in it, without a network and on a
    read-only disk where this machine allows, as an image is run.

    pex_root: where it unpacks itself. scratch: an empty folder to run in, also its HOME and for temporary files.
    settings: other variables, as a deployment would set them. mounts: see `sandbox.with_mounts`.
    """
    pex_root.mkdir(parents=True, exist_ok=True)
    env = {"PEX_ROOT": str(pex_root), "PEX_IGNORE_RCFILES": "1", "HOME": str(scratch), "LC_ALL": "C.UTF-8"}
    env.update({"SCIE_BASE": str(pex_root / "scie"), "TMPDIR": str(scratch), **(settings or {})})
    argv = with_read_only_disk([*map(str, program), "predict", "-"], (pex_root, scratch), mounts or {})
    return lambda request, timeout: run_command(argv, env, request, timeout, scratch)


def image_runner(
    image: Runnable,
    root: Path,
    mounts: Optional[Mapping[str, Path]] = None,
    gpu: Optional[Gpu] = None,
    settings: Optional[Mapping[str, str]] = None,
) -> Runner:
    """Run `image`, which is unpacked in `root`.

    mounts: see sandbox_command. gpu: this machine's, which the image may use. settings: as of `program_runner`.
    """
    entrypoint: Sequence[str] = image.entrypoint
    ours = "modelkiln.runtime" in entrypoint
    argv = image.command(root, (*entrypoint, "predict", "-") if ours else _PREDICT, mounts, settings, gpu)
    return lambda request, timeout: run_command(argv, {}, request, timeout)


def _parse(data: bytes, where: str) -> dict[str, Any]:
    try:
        document = parse_json(data, where)
    except PackageError as error:
        raise ModelkilnError(str(error)) from None
    if not isinstance(document, dict):
        raise ModelkilnError(f"{where}: a request or response is a JSON object, this is {type_in_words(document)}.")
    return document


def _tensors(document: Mapping[str, Any], side: str, where: str) -> list[Tensor]:
    try:
        return read_tensors(document.get(side + "s"), side, where)
    except PackageError as error:
        raise ModelkilnError(str(error)) from None


def _check(tensors: Sequence[Tensor], signature: Signature, side: str, where: str) -> None:
    problems = signature.problems(side, tensors)
    if problems:
        raise ModelkilnError(f"{where}: disagrees with the package's signature: {' '.join(problems)}")


def _exit_text(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _printed(stderr: bytes) -> str:
    text = stderr.decode("utf-8", "replace").strip()
    return f"It printed:\n{text}" if text else "It printed nothing."
