"""Machine configuration: where bytes come from, which must not say what they are.

pip's, apt's and TLS settings of a machine decide from where a pinned file is fetched. They are
kept out of cache keys on purpose: a file is accepted by its hash alone. Build processes run with
an empty environment, so the variables travel beside the store, in `machine.json`.
"""

import json
import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import Mapping

from modelkiln.errors import ModelkilnError

__all__ = [
    "INSECURE_REGISTRIES",
    "find_python",
    "insecure_registries",
    "load_machine_env",
    "save_machine_env",
    "save_machine_file",
    "save_python",
    "select_machine_env",
]

_NAME = "machine.json"
_PREFIXES = (
    "APT_", "AWS_", "AZURE_", "GOOGLE_", "HF_", "MLFLOW_S3_", "MLFLOW_TRACKING_", "MODELKILN_DEBIAN_",
    "MODELKILN_INDEXES", "MODELKILN_INSECURE_", "PIP_",
)  # fmt: skip
# Hosts, with a port, of registries that may be spoken to without TLS; spaces or commas between.
INSECURE_REGISTRIES = "MODELKILN_INSECURE_REGISTRIES"
_NAMES = frozenset(
    {
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC",
        "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME",
        # Where git keeps logins, and where keys for ssh are.
        "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "SSH_AUTH_SOCK",
        "CLOUDSDK_CONFIG", "HUGGING_FACE_HUB_TOKEN", "MODELKILN_CHECKOUT", "STORAGE_EMULATOR_HOST",
    }
)  # fmt: skip


def select_machine_env(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environ` that say where and how to fetch."""
    return {name: value for name, value in sorted(environ.items()) if name in _NAMES or name.startswith(_PREFIXES)}


def save_machine_env(store_root: Path, environ: Mapping[str, str]) -> None:
    """Write the fetch settings of `environ` beside the store, when they changed."""
    save_machine_file(store_root, _NAME, json.dumps(select_machine_env(environ), indent=1, sort_keys=True))


def save_machine_file(store_root: Path, name: str, text: str) -> None:
    """Write a file that is about this machine alone beside the store, when it changed."""
    target = store_root / name
    try:
        if target.read_text() == text:
            return
    except OSError:
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent)  # Mode 0600: it may hold credentials.
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    os.replace(name, target)


def save_python(store_root: Path, release: str, path: str) -> None:
    """Remember beside the store which interpreter of this machine runs PEX files for `release`."""
    save_machine_file(store_root, f"pythons/{release}", path)


def find_python(store_root: Path, release: str) -> Path:
    """Return this machine's CPython of `release` ("3.11"): the remembered one, else that on PATH."""
    try:
        return Path((store_root / "pythons" / release).read_text())
    except OSError:
        found = shutil.which(f"python{release}")
    if not found:
        raise ModelkilnError(f"no CPython {release} on PATH to run the package with. Install one.")
    return Path(found)


def load_machine_env(store_root: Path) -> dict[str, str]:
    """Return the environment for a tool that fetches (pip, apt): fetch settings, HOME and PATH."""
    try:
        saved = json.loads((store_root / _NAME).read_text())
    except OSError:
        saved = {}
    home = pwd.getpwuid(os.getuid()).pw_dir
    path = os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {"HOME": home, "LC_ALL": "C.UTF-8", **saved, "PATH": path}


def insecure_registries(env: Mapping[str, str]) -> frozenset[str]:
    """Return the registries (host, with a port when it has one) that may be spoken to without TLS."""
    return frozenset(env.get(INSECURE_REGISTRIES, "").replace(",", " ").split())
