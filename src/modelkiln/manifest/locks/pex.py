"""The locks that Pex writes, for Pants: JSON, with the files of each package by hash."""

import json
import re
from typing import Any, Mapping

from modelkiln.errors import ModelkilnError, reason
from modelkiln.manifest.locks.origin import origin_issue

__all__ = ["is_pex_lock", "pex_lines"]

_VERSION_CONTROL = re.compile(r"(git|hg|svn|bzr)\+")
_FILE = re.compile(r"\.(whl|zip|tar\.gz|tar\.bz2|tgz)$")


def is_pex_lock(text: str) -> bool:
    """Whether a lock is JSON; Pants puts its own header before it, in lines that start with //."""
    return text.lstrip().startswith(("{", "//"))


def pex_lines(text: str, where: str) -> list[str]:
    """Return the packages of a lock as lines of a requirements file.

    Raises ModelkilnError that lists all that do not come from an index.
    """
    body = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
    try:
        (resolve,) = json.loads(body)["locked_resolves"]
        locked = resolve["locked_requirements"]
        issues = [issue for issue in map(_issue, locked) if issue]
        lines = [_line(one) for one in locked]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelkilnError(
            f"{where}: looks like a Pex lock and cannot be read as one with a single resolve ({reason(error)}). "
            "Generate it again as a universal lock, or compile one with pip-compile --generate-hashes."
        ) from None
    if issues:
        raise ModelkilnError(f"{where}: " + " ".join(issues))
    return lines


def _issue(locked: Mapping[str, Any]) -> str:
    for url in (artifact["url"] for artifact in locked["artifacts"]):
        if control := _VERSION_CONTROL.match(url):
            return origin_issue(locked["project_name"], control[1], url)
        # A folder of wheels, which --find-links names, is an index, too.
        if url.startswith("file:") and not _FILE.search(url):
            return origin_issue(locked["project_name"], "path", url)
    return ""


def _line(locked: Mapping[str, Any]) -> str:
    hashes = [
        f" --hash=sha256:{artifact['hash']}" for artifact in locked["artifacts"] if artifact["algorithm"] == "sha256"
    ]
    return f"{locked['project_name']}=={locked['version']}" + "".join(hashes)
