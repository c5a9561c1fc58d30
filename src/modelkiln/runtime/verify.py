"""Whether a package's files are those that its record names."""

import os

from modelkiln.runtime.weights.lazy import found_files, is_lazy
from modelkiln.runtime.weights.lock import LOCK_PATH
from modelkiln.runtime.weights.store import sha256_of

__all__ = ["verify"]


def verify(package):
    """Return (mismatches, summary): one sentence for each file that differs, and what was read.

    Read are the model artifact files, the code files, and the files of every distribution that
    the record requires, each of which lists its own in RECORD (the "Recording installed
    distributions" specification, PEP 376).
    """
    record, mismatches = package.record, []
    paths = {artifact["path"]: package.models / artifact["path"] for artifact in record["artifacts"]}
    if is_lazy(package):
        mismatches += _check_file(package.root / LOCK_PATH, "weights lock", record["weights_lock"])
        paths = found_files(package)
    for artifact in record["artifacts"]:
        if artifact["path"] in paths:
            path = paths[artifact["path"]]
            mismatches += _check_file(path, "model artifact", artifact["sha256"], artifact["size"])
    for code in record["code"]:
        mismatches += _check_file(package.root / code["path"], "code", code["sha256"])
    files = 0
    if record["requirements"]:
        found, files = _check_requirements(record["requirements"])
        mismatches += found
    absent = len(record["artifacts"]) - len(paths)
    later = f" ({absent} more are not fetched yet)" if absent else ""
    summary = (
        f"{_counted(len(paths), 'model artifact file')}{later}, {_counted(len(record['code']), 'code file')}, "
        f"{_counted(len(record['requirements']), 'distribution')} ({_counted(files, 'file')})"
    )
    return mismatches, summary


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _check_file(path, kind, sha256, size=None):
    try:
        if size is not None and os.stat(path).st_size != size:
            return [f"{path}: {kind} has {os.stat(path).st_size} bytes, want {size}."]
        actual = sha256_of(path)
    except OSError as error:
        return [f"{path}: {kind}: {error.strerror}."]
    return [] if actual == sha256 else [f"{path}: {kind} has sha256 {actual}, want {sha256}."]


def _check_requirements(requirements):
    import importlib.metadata

    installed = {}
    for distribution in importlib.metadata.distributions():
        # The first on sys.path is the one that would be imported.
        installed.setdefault(_canonical(distribution.metadata["Name"] or ""), distribution)
    mismatches, files = [], 0
    for requirement in requirements:
        distribution = installed.get(_canonical(requirement["name"]))
        if distribution is None:
            mismatches.append(f"{requirement['name']}: not installed, want {requirement['version']}.")
            continue
        if distribution.version != requirement["version"]:
            mismatches.append(f"{requirement['name']}: version {distribution.version}, want {requirement['version']}.")
        found, count = _check_distribution(distribution, requirement["name"])
        mismatches += found
        files += count
    return mismatches, files


def _canonical(name):
    import re

    return re.sub(r"[-_.]+", "-", name).lower()  # PEP 503


def _is_pex_venv():
    """Whether we run in a virtual environment that a PEX made of itself.

    Pex puts the environment's own interpreter into console scripts, so that their bytes depend on
    the machine; they lie outside of site-packages, at `../../../bin` in a RECORD.
    """
    import sys

    return os.path.exists(os.path.join(sys.prefix, "PEX-INFO"))


def _check_distribution(distribution, name):
    import base64

    if not distribution.files:
        return [f"{name}: has no RECORD of its files."], 0
    mismatches, count, rewritten = [], 0, _is_pex_venv()
    for file in distribution.files:
        if file.hash is None:
            continue  # RECORD itself, and byte code.
        if rewritten and file.parts[0] == "..":
            continue
        count += 1
        if file.hash.mode != "sha256":
            mismatches.append(f"{name}: {file}: RECORD has a {file.hash.mode} hash, want sha256.")
            continue
        # urlsafe base64 without padding, PEP 427.
        sha256 = base64.urlsafe_b64decode(file.hash.value + "=").hex()
        mismatches += _check_file(file.locate(), name, sha256, file.size)
    return mismatches, count
