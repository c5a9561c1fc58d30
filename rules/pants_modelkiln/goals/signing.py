"""`[modelkiln].signing`: who signs what is published, as arguments of the process that publishes."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any, Mapping

from modelkiln.errors import ModelkilnError

_WHERE = "[modelkiln.signing]"
_TEXTS = ("key", "passphrase_file", "command", "public_key", "timestamp_url", "keyless_command")
_LISTS = ("certificates", "variables")
_KEYS = (*_TEXTS, *_LISTS)
_COSIGN = "cosign attest-blob --yes --statement {statement} --bundle {bundle}"


def signing_arguments(signing: Mapping[str, Any], root: Path, home: str) -> tuple[str, ...]:
    """The arguments that say who signs; none where nobody does.

    root: the build root, to which paths are relative. home: what `~` stands for. The key is read by none of this: its
    path alone is passed on.
    """
    if not signing:
        return ()
    if signing.get("keyless"):
        raise ModelkilnError(
            f"{_WHERE}: keyless signing is by a command that asks the services of Sigstore: "
            f'keyless_command = "{_COSIGN}".'
        )
    unknown = sorted(set(signing) - set(_KEYS))
    if unknown:
        raise ModelkilnError(f"{_WHERE}: {unknown[0]!r} is not a key of it; these are: {', '.join(_KEYS)}.")
    texts = {name: signing.get(name, "") for name in _TEXTS}
    lists = {name: signing.get(name, ()) for name in _LISTS}
    wrong = [name for name, value in texts.items() if not isinstance(value, str)]
    wrong += [name for name, value in lists.items() if not _is_texts(value)]
    if wrong:
        raise ModelkilnError(f"{_WHERE}: {wrong[0]!r} has a value of another kind.")
    commands = {"--sign-command": texts["command"], "--keyless-command": texts["keyless_command"]}
    if sum(map(bool, (texts["key"], *commands.values()))) != 1:
        raise ModelkilnError(f"{_WHERE}: want one of `key`, `command` and `keyless_command`.")
    paths = {"--key": texts["key"], "--passphrase-file": texts["passphrase_file"], "--public-key": texts["public_key"]}
    found = [f"{option}={_path(value, root, home)}" for option, value in paths.items() if value]
    found += [f"--certificate={_path(one, root, home)}" for one in lists["certificates"]]
    found += [f"--timestamp-url={texts['timestamp_url']}"] if texts["timestamp_url"] else []
    return (*found, *(f"{option}={_command(value, root)}" for option, value in commands.items() if value))


def signing_variables(signing: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of variables that the command which signs gets; none where `signing_arguments` refuses them."""
    named = signing.get("variables", ())
    return tuple(named) if _is_texts(named) else ()


def _is_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def _path(value: str, root: Path, home: str) -> str:
    if value.startswith("~/") and home:
        return os.path.join(home, value[2:])
    return str(root / value)


def _command(value: str, root: Path) -> str:
    """The command with its program's path, where it is one, from the build root: it runs in a sandbox."""
    program, *arguments = shlex.split(value)
    return shlex.join([str(root / program) if "/" in program else program, *arguments])
