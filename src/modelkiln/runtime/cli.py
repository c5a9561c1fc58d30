"""The command line of a package: predict, info, verify and fetch."""

import os
import sys

from modelkiln.runtime.errors import PackageError

__all__ = ["main"]

HELP = """\
usage: predict [FILE|-] [--quiet] [--debug]
       info
       verify
       fetch

predict  answer a request (Open Inference Protocol v2, JSON) from FILE or standard input;
         the response goes to standard output, what the inference script prints to standard error
info     print the package's record
verify   check the digests of the package's own files
fetch    fetch weights that the package does not carry, all of them, into the store: the folder
         MODELKILN_STORE; MODELKILN_WEIGHTS_URL names mirrors that are tried first

exit codes: 0 done, 1 refused or failed, 2 bad usage, 3 this host lacks what the package needs

--quiet  drop what the inference script prints
--debug  show tracebacks of refused inference scripts
"""


def main(argv=None):
    """Run one command; returns the exit code: 0 done, 1 refused or failed, 2 bad usage, 3 not on this host."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = arguments[0] if arguments else "help"
    options = {argument for argument in arguments[1:] if argument.startswith("--")}
    operands = [argument for argument in arguments[1:] if argument not in options]
    allowed = {"predict": ({"--quiet", "--debug"}, 1)}.get(command, (set(), 0))
    if command in ("help", "--help", "-h") or "--help" in options:
        sys.stdout.write(HELP)
        return 0
    if command not in ("predict", "info", "verify", "fetch") or options - allowed[0] or len(operands) > allowed[1]:
        sys.stderr.write(f"cannot read the arguments {' '.join(arguments)!r}\n{HELP}")
        return 2
    try:
        return {"predict": _predict, "info": _info, "verify": _verify, "fetch": _fetch}[command](operands, options)
    except PackageError as error:
        sys.stderr.write(f"{command}: {error}\n")
        return error.exit_code


def _info(operands, options):
    import json

    from modelkiln.runtime.record import find_package

    package, here = find_package(), {}
    if package.is_lazy:
        from modelkiln.runtime.weights.lazy import state

        here = {"lazy": state(package)}
    text = json.dumps({**package.record, **here}, indent=2, sort_keys=True, ensure_ascii=False)
    _write(1, text.encode() + b"\n")
    return 0


def _verify(operands, options):
    from modelkiln.runtime.record import find_package
    from modelkiln.runtime.verification.verify import verify

    package = find_package()
    mismatches, summary = verify(package)
    for mismatch in mismatches:
        sys.stderr.write(f"verify: {mismatch}\n")
    if mismatches:
        ending = "" if len(mismatches) == 1 else "es"
        remedy = "The package is damaged; build or fetch it again."
        sys.stderr.write(f"verify: {len(mismatches)} mismatch{ending}. {remedy}\n")
        return 1
    _write(1, f"verified {package.record['name']} {package.record['version']}: {summary}\n".encode())
    return 0


def _fetch(operands, options):
    from modelkiln.runtime.record import find_package
    from modelkiln.runtime.weights.lazy import fetch_weights

    package = find_package()
    if not package.is_lazy:
        _write(1, f"nothing to fetch: the files are in {package.models}\n".encode())
        return 0
    folder = fetch_weights(package, everything=True)
    count = len(package.record["artifacts"])
    _write(1, f"{count} {'file is' if count == 1 else 'files are'} in {folder}\n".encode())
    return 0


def _predict(operands, options):
    from modelkiln.runtime.entry_point import UserError, opt_out
    from modelkiln.runtime.models import model_folder
    from modelkiln.runtime.predict import predict
    from modelkiln.runtime.record import find_package

    package = find_package()
    opt_out(package.record)
    data, where = _read_request(operands[0] if operands else "-")
    response_to, errors_to = _redirect("--quiet" in options)
    try:
        package.models = model_folder(package)
        response = predict(package, data, where)
    except UserError as error:
        text, code = _user_traceback(error, "--debug" in options), 1
    except PackageError as error:
        code = error.exit_code
        text = _traceback(error) if "--debug" in options else ""
        text += f"predict: {error}\n"
    else:
        _write(response_to, response)
        return 0
    sys.stderr.flush()
    _write(errors_to, text.encode("utf-8", "backslashreplace"))
    return code


def _read_request(name):
    if name == "-":
        return sys.stdin.buffer.read(), "standard input"
    try:
        with open(name, "rb") as stream:
            return stream.read(), name
    except OSError as error:
        raise PackageError(f"{name}: {error.strerror}. Name a file with a request, or - for standard input.") from None


def _redirect(quiet):
    """Point file descriptor 1 at standard error (quiet: 1 and 2 at nothing), for good.

    Returns descriptors for the response and for errors. On the level of descriptors, so that
    prints of C libraries are caught too; for good, because C flushes its buffers at exit.
    """
    response_to, errors_to = os.dup(1), os.dup(2)
    if quiet:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
    else:
        os.dup2(2, 1)
    return response_to, errors_to


def _write(descriptor, data):
    sys.stdout.flush()
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        raise SystemExit(1) from None  # The reader has left.


def _user_traceback(error, debug):
    """The traceback of the inference script's exception, without our frames unless `debug`."""
    import traceback

    cause, frames = error.cause, error.cause.__traceback__
    ours = os.path.dirname(__file__)
    while not debug and frames and os.path.dirname(frames.tb_frame.f_code.co_filename) == ours:
        frames = frames.tb_next
    lines = traceback.format_exception(type(cause), cause, frames)
    name = type(cause).__name__
    return "".join(lines) + f"predict: {error} {name}; the traceback is above.\n"


def _traceback(error):
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__))
