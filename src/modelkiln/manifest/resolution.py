"""The environment of a lock: which wheels serve a target, and which of them a package needs."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import unquote, urlsplit

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.lock import Pin, read_lock
from modelkiln.manifest.locks.uv import is_uv_lock, own_projects
from modelkiln.manifest.pip import index_lines, run_pip, target_options
from modelkiln.manifest.sdists import find_sdists
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store
from modelkiln.wheels.placeholder import is_zero, says_placeholder
from modelkiln.wheels.platforms import Target

__all__ = ["placeholders", "resolve_lock"]

# Where the store keeps what indexes answered.
_CHOICES = "choices"
_OTHER_FILES = "An index has files of this version that fit, and none has a hash that is in the lock. "
_PROGRAM = Path(__file__).with_name("programs") / "choose_wheels.py"


def resolve_lock(lock_text: str, target: Target, store: Store, where: str = "lock") -> dict[str, Any]:
    """Choose one wheel for each pin of a lock that applies on `target`; nothing is installed.

    Returns {"lock": `where`, "python", "platform", "glibc", "wheels": [{"name", "version",
    "filename", "sha256", "requires", "problem"}]}, sorted by name, and where the lock names projects of the repository
    itself, these as "own". A pin without a wheel for the
    target gets its sdist, with "is_sdist", whose requirements only its build shows, and with "has_other_wheels" where
    an index has wheels that fit, of other hashes; one without
    either a "problem", which fails only packages that need it, in `closure`. Raises ModelkilnError for a lock
    that pins too little and for an index that cannot be reached.

    What an index answered for a pin is kept in the store: a wheel's name, hash and requirements
    never change, and only new pins ask the network again. A placeholder counts as no wheel.
    """
    pins = read_lock(lock_text, where, target.marker_environment())
    known = {pin.name: _recall(pin, target, store) for pin in pins}
    unknown = [pin for pin in pins if known[pin.name] is None]
    with tempfile.TemporaryDirectory(prefix="modelkiln-resolve-") as folder:
        wheels, problems = _choose(unknown, target, store, Path(folder))
    # Their sdists are as hollow.
    hollow = {name: _filename(item) for name, item in wheels.items() if _is_placeholder(item)}
    wheels = {name: item for name, item in wheels.items() if name not in hollow}
    sdists, missing = find_sdists([pin for pin in unknown if pin.name in problems], store)
    for pin in unknown:
        chosen = known[pin.name] = _chosen(pin, wheels, sdists, where)
        if chosen and pin.name in sdists and problems[pin.name].startswith(_OTHER_FILES):
            chosen["has_other_wheels"] = True
        if pin.name in hollow:
            problem = f"{hollow[pin.name]} is a placeholder without content."
            known[pin.name] = {**_nothing(pin), "problem": problem}
        elif chosen is None:
            # An index may get a wheel that it lacks today, so that this is not remembered.
            problem = f"{problems[pin.name]} Nor is there an sdist to build one from: {missing[pin.name]}"
            known[pin.name] = {**_nothing(pin), "problem": problem}
        else:
            ResultCache(store, _CHOICES).put(_question(pin, target), chosen)
    found = [known[pin.name] for pin in pins]
    own = own_projects(lock_text) if is_uv_lock(lock_text) else []
    return {"lock": where, **target.to_json(), "wheels": found, **({"own": own} if own else {})}


def placeholders(pins: Sequence[Pin], target: Target, store: Store) -> list[Pin]:
    """Return those of `pins` whose wheel for `target` only holds the package's name in an index."""
    with tempfile.TemporaryDirectory(prefix="modelkiln-resolve-") as folder:
        wheels, _ = _choose([pin for pin in pins if is_zero(pin.version)], target, store, Path(folder))
    return [pin for pin in pins if pin.name in wheels and _is_placeholder(wheels[pin.name])]


def _is_placeholder(item: Mapping[str, Any]) -> bool:
    return says_placeholder(item["metadata"]["version"], item["metadata"].get("summary"))


def _question(pin: Pin, target: Target) -> dict[str, Any]:
    return {
        # Placeholders were chosen before they were known.
        "format": 2 if is_zero(pin.version) else 1,
        "pin": [pin.name, pin.version, *pin.hashes],
        "target": [target.python, target.platform, target.glibc],
    }


def _recall(pin: Pin, target: Target, store: Store) -> Optional[dict[str, Any]]:
    wheel = ResultCache(store, _CHOICES).get(_question(pin, target))
    return wheel if wheel is not None and wheel.get("sha256") in pin.hashes else None


def _choose(pins: Sequence[Pin], target: Target, store: Store, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """pip's report by name, and problems by name.

    pip stops at the first pin that it cannot serve and names it; the others are tried again
    without it. Where pip names none, halves are tried.
    """
    if not pins:
        return {}, {}
    arguments = ["install", "--dry-run", "--no-deps", "--require-hashes", "--target=target"]
    arguments += target_options(target.python, target.pip_platforms())
    arguments += ["--report=report.json", "--requirement=lock.txt"]
    (folder / "lock.txt").write_text(index_lines(store) + "".join(pin.line() for pin in pins))
    result = run_pip(arguments, store, folder, program=[str(_PROGRAM)])
    if result.code == 0:
        return _by_name(json.loads((folder / "report.json").read_text("utf-8"))), {}
    failed = [pin for pin in pins if _names(result.messages, pin)] or (list(pins) if len(pins) == 1 else [])
    middle = len(pins) // 2
    parts = [[pin for pin in pins if pin not in failed]] if failed else [pins[:middle], pins[middle:]]
    reasons = {pin.name: _OTHER_FILES if _has_other_files(result.messages, pin) else "" for pin in failed}
    wheels, problems = {}, {name: f"{reason}pip says: {result.errors}" for name, reason in reasons.items()}
    for part in parts:
        more, worse = _choose(part, target, store, folder)
        wheels.update(more)
        problems.update(worse)
    return wheels, problems


def _names(messages: str, pin: Pin) -> bool:
    text = re.escape(f"{pin.name}=={pin.version}")
    missing = re.search(rf"No matching distribution found for {text}(?![\w.+-])", messages)
    return bool(missing) or _has_other_files(messages, pin)


def _has_other_files(messages: str, pin: Pin) -> bool:
    # A list of wrong hashes.
    return bool(re.search(rf"^\s+{re.escape(f'{pin.name}=={pin.version}')} from ", messages, re.MULTILINE))


def _by_name(report: Mapping[str, Any]) -> dict[str, Any]:
    from packaging.utils import canonicalize_name

    # The format: pip's documentation, "Installation Report", version 1.
    return {canonicalize_name(item["metadata"]["name"]): item for item in report["install"]}


def _nothing(pin: Pin) -> dict[str, Any]:
    return {"name": pin.name, "version": pin.version, "filename": "", "sha256": "", "requires": []}


def _chosen(pin: Pin, wheels: Mapping[str, Any], sdists: Mapping[str, Any], where: str) -> Optional[dict[str, Any]]:
    """A pin's wheel, else its sdist, else None."""
    if pin.name in sdists:
        return {**_nothing(pin), **sdists[pin.name], "problem": None, "is_sdist": True}
    if pin.name not in wheels:
        return None
    item = wheels[pin.name]
    sha256 = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if sha256 not in pin.hashes:
        raise ModelkilnError(f"{where}: pip chose a file for {pin} with sha256 {sha256}, which the lock lacks.")
    requires = sorted(item["metadata"].get("requires_dist") or [])
    return {**_nothing(pin), "filename": _filename(item), "sha256": sha256, "requires": requires, "problem": None}


def _filename(item: Mapping[str, Any]) -> str:
    return unquote(urlsplit(item["download_info"]["url"]).path).rsplit("/", 1)[-1]
