"""Object stores as Google's and Azure's on loopback: an emulator of the first, Microsoft's own of the second."""

import json
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from components import require_npm, require_venv
from servers import listening

__all__ = ["Cloud", "azure_server", "google_server"]

_LOCKS = Path(__file__).resolve().parents[3] / "3rdparty"
# Every Azurite has this account (its README, "Default Storage Account").
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_PUT = """
import fsspec, json, sys
protocol, bucket, objects = json.load(sys.stdin)
store = fsspec.filesystem(protocol)
if not store.exists(bucket):
    store.mkdir(bucket)
for name, data in objects.items():
    store.pipe_file(f"{bucket}/{name}", bytes.fromhex(data))
"""


class Cloud:
    """A server. scheme: of URIs there. env: the machine's settings to reach it. python: an interpreter
    that has the client."""

    def __init__(self, scheme, protocol, python, env):
        self.scheme, self._protocol, self.python, self.env = scheme, protocol, python, env

    def put(self, bucket, objects):
        """Write objects (bytes by key) into a bucket, which is made."""
        question = json.dumps([self._protocol, bucket, {name: data.hex() for name, data in objects.items()}])
        env = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", **self.env}
        subprocess.run([self.python, "-c", _PUT], input=question, text=True, env=env, check=True, capture_output=True)


@contextmanager
def _server(command, folder):
    folder.mkdir(parents=True, exist_ok=True)
    env = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    # Azurite waits for connections to end, and theirs end with the tests.
    with listening(command, folder / "log", signal.SIGKILL, env=env, cwd=folder) as port:
        yield port


@contextmanager
def google_server(folder):
    """Run gcp-storage-emulator; yields a Cloud."""
    python = require_venv(_LOCKS / "python/clouds.txt")
    code = "import sys; from gcp_storage_emulator.__main__ import main; main(sys.argv[1:])"

    def command(port):
        return [python, "-c", code, "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"]

    with _server(command, folder) as port:
        yield Cloud("gs", "gcs", python, {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"})


@contextmanager
def azure_server(folder):
    """Run Azurite's blob service; yields a Cloud."""
    python = require_venv(_LOCKS / "python/clouds.txt")
    program = require_npm(_LOCKS / "npm/azurite", "azurite-blob")

    def command(port):
        options = ["--silent", "--skipApiVersionCheck", f"--location={folder / 'data'}"]
        return [program, *options, "--blobHost=127.0.0.1", f"--blobPort={port}"]

    with _server(command, folder) as port:
        settings = {
            "DefaultEndpointsProtocol": "http", "AccountName": _ACCOUNT, "AccountKey": _KEY,
            "BlobEndpoint": f"http://127.0.0.1:{port}/{_ACCOUNT}",
        }  # fmt: skip
        text = ";".join(f"{name}={value}" for name, value in settings.items())
        yield Cloud("az", "abfs", python, {"AZURE_STORAGE_CONNECTION_STRING": text})
