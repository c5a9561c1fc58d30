"""`[modelkiln].signing`: who signs what is published, as arguments of the process that publishes."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any, Mapping

from modelkiln.errors import ModelkilnError

_WHERE = "[modelkiln.signing]"
_KEYS = ("key", "passphrase_file", "command", "public_key", "certificates", "timestamp_url")


def signing_arguments(signing: Mapping[str, Any], root: Path, home: str) -> tuple[str, ...]:
    """The arguments that say who signs; none where nobody does.

    root: the build root, to which paths are relative. home: what `~` stands for. The key is read by none of this: its
    path alone is passed on.
    """
    if not signing:
        return ()
    if signing.get("keyless"):
        raise ModelkilnError(
            f"{_WHERE}: keyless signing asks services of Sigstore (Fulcio, Rekor), which this release does not do. "
            "Name a `key` or a `command`, or run `cosign sign` on the references that are published."
        )
    unknown = sorted(set(signing) - set(_KEYS))
    if unknown:
        raise ModelkilnError(f"{_WHERE}: {unknown[0]!r} is not a key of it; these are: {', '.join(_KEYS)}.")
    texts = {name: signing.get(name, "") for name in _KEYS if name != "certificates"}
    certificates = signing.get("certificates", ())
    wrong = [name for name, value in texts.items() if not isinstance(value, str)]
    if wrong or isinstance(certificates, str) or not all(isinstance(one, str) for one in certificates):
        raise ModelkilnError(f"{_WHERE}: {(wrong or ['certificates'])[0]!r} has a value of another kind.")
    if bool(texts["key"]) == bool(texts["command"]):
        raise ModelkilnError(f"{_WHERE}: want one of `key` and `command`.")
    paths = {"--key": texts["key"], "--passphrase-file": texts["passphrase_file"], "--public-key": texts["public_key"]}
    found = [f"{option}={_path(value, root, home)}" for option, value in paths.items() if value]
    found += [f"--certificate={_path(one, root, home)}" for one in certificates]
    found += [f"--timestamp-url={texts['timestamp_url']}"] if texts["timestamp_url"] else []
    return (*found, *((f"--sign-command={_command(texts['command'], root)}",) if texts["command"] else ()))


def _path(value: str, root: Path, home: str) -> str:
    if value.startswith("~/") and home:
        return os.path.join(home, value[2:])
    return str(root / value)


def _command(value: str, root: Path) -> str:
    """The command with its program's path, where it is one, from the build root: it runs in a sandbox."""
    program, *arguments = shlex.split(value)
    return shlex.join([str(root / program) if "/" in program else program, *arguments])
