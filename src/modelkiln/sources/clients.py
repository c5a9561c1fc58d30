"""Third-party clients (of object stores, of Hugging Face) with this machine's settings."""

import importlib
import os
from typing import Any, Mapping

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import select_machine_env
from modelkiln.runtime.entry_point import opt_out

__all__ = ["CLIENT_SCHEMES", "import_client"]

# Schemes of sources that need a client which the engine's own tool does not hold. `models:` and
# `runs:` are among them because a tracking server may keep artifacts in a bucket.
CLIENT_SCHEMES = frozenset({"s3", "gs", "gcs", "az", "abfs", "memory", "hf", "models", "runs"})

# A bundle of authorities has a name for every library.
_AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE")


def import_client(module: str, package: str, env: Mapping[str, str], where: str) -> Any:
    """Return the client `module`; raises ModelkilnError that names `package` where it is missing.

    Clients know logins, proxies and authorities from the process's environment alone, which is
    empty in a build step. The settings of `env` (see `load_machine_env`) are put there first.
    """
    os.environ.update(select_machine_env(env))
    opt_out({})
    if env.get("HOME"):
        os.environ["HOME"] = env["HOME"]
    authority = next((env[name] for name in _AUTHORITIES if env.get(name)), "")
    for name in _AUTHORITIES if authority else ():
        os.environ.setdefault(name, authority)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelkilnError(
            f"{where}: needs the package {package}, which is not installed ({error}). Name a lock that holds it "
            "in the option [modelkiln].source_clients_lock."
        ) from None
