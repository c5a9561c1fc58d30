"""The distributions that a package requires, as they are installed: files against RECORD, RECORD against the record."""

import functools
import hashlib
import os

from modelkiln.runtime.byte_code import source_of
from modelkiln.runtime.weights.store import sha256_of

__all__ = ["OF_INSTALLERS", "check_file", "check_requirements", "place_of", "strangers"]

# What an installer writes beside a wheel's own files.
OF_INSTALLERS = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")


@functools.cache
def _real(folder):
    return os.path.realpath(folder)


def place_of(path):
    """Return one absolute path for all spellings of `path`: its folder without links."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(_real(folder), name)


def check_file(path, kind, sha256, size=None):
    """Return a list with a sentence when the file at `path` is not what it should be, else an empty one."""
    try:
        if size is not None and os.stat(path).st_size != size:
            return [f"{path}: {kind} has {os.stat(path).st_size} bytes, want {size}."]
        actual = sha256_of(path)
    except OSError as error:
        return [f"{path}: {kind}: {error.strerror}."]
    return [] if actual == sha256 else [f"{path}: {kind} has sha256 {actual}, want {sha256}."]


def check_requirements(requirements, is_pex):
    """Return (mismatches, how many files were read, places of these and of what installers write, see `place_of`).

    is_pex: whether Pex installed them: it puts the environment's own interpreter into console scripts, so that their
    bytes depend on the machine; they lie outside of site-packages, at `../../../bin` in a RECORD.
    """
    installed, mismatches, count, known = _installed(), [], 0, set()
    for requirement in requirements:
        distribution = installed.get(_canonical(requirement["name"]))
        if distribution is None:
            mismatches.append(f"{requirement['name']}: not installed, want {requirement['version']}.")
            continue
        if distribution.version != requirement["version"]:
            mismatches.append(f"{requirement['name']}: version {distribution.version}, want {requirement['version']}.")
        found, hashed = _check_distribution(distribution, requirement, is_pex, known)
        mismatches += found
        count += hashed
    return mismatches, count, known


def strangers(requirements, folder):
    """Return a sentence for each distribution in the site-packages `folder` that the record does not require."""
    import importlib.metadata

    wanted = {_canonical(requirement["name"]) for requirement in requirements}
    found = (one.metadata["Name"] or "" for one in importlib.metadata.distributions(path=[str(folder)]))
    return [
        f"{folder}: {name or 'a distribution'} is not in the record."
        for name in found
        if _canonical(name) not in wanted
    ]


def _installed():
    import importlib.metadata

    installed = {}
    for distribution in importlib.metadata.distributions():
        # The first on sys.path is the one that would be imported.
        installed.setdefault(_canonical(distribution.metadata["Name"] or ""), distribution)
    return installed


def _canonical(name):
    import re

    return re.sub(r"[-_.]+", "-", name).lower()  # PEP 503


def _check_distribution(distribution, requirement, is_pex, known):
    import base64

    name = requirement["name"]
    if not distribution.files:
        return [f"{name}: has no RECORD of its files."], 0
    mismatches, lines, count = [], [], 0
    for file in distribution.files:
        path = place_of(file.locate())
        is_own = file.parts[0].endswith(".dist-info") and file.parts[1:] in [(own,) for own in OF_INSTALLERS]
        if is_own:
            known.add(path)
        if file.hash is None or source_of(path):
            continue  # Byte code is compared with its source; of what has no hash nothing is known.
        if is_pex and file.parts[0] == "..":
            continue
        known.add(path)
        count += 1
        if file.hash.mode != "sha256":
            mismatches.append(f"{name}: {file}: RECORD has a {file.hash.mode} hash, want sha256.")
            continue
        # urlsafe base64 without padding, PEP 427.
        sha256 = base64.urlsafe_b64decode(file.hash.value + "=").hex()
        mismatches += check_file(path, name, sha256, file.size)
        is_of_pex = is_pex and file.parts[0].endswith(".pex-info")
        if file.parts[0] != ".." and not is_own and not is_of_pex:
            lines.append(f"{sha256}  {file}\n")
    # What the wheel has for site-packages: the record knows its digest, from where RECORD may have been changed.
    actual = hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
    if requirement.get("files") not in (None, actual):
        mismatches.append(f"{name}: RECORD lists files with the set digest {actual}, want {requirement['files']}.")
    return mismatches, count
