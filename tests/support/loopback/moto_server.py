"""A real S3 server on loopback (moto), and objects in it."""

import os
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from components import require_venv
from servers import listening

__all__ = ["Bucket", "moto_server"]

_LOCK = Path(__file__).resolve().parents[3] / "3rdparty/python/moto.txt"


class Bucket:
    """A bucket of the server at `address` (host and port). env: the machine's settings to reach it."""

    def __init__(self, address, name):
        self.address, self.name = address, name
        self.env = {
            "AWS_ENDPOINT_URL": f"http://{address}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        self._put("", b"")

    def put(self, key, data):
        """Write an object."""
        self._put(f"/{key}", data)

    def keep_versions(self):
        """Let the bucket keep every version of its objects."""
        self._put("?versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")

    def _put(self, rest, data):
        url = f"http://{self.address}/{self.name}{rest}"
        # As a form, which urllib says otherwise, the server reads it for minutes.
        login = "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/s3/aws4_request"
        headers = {"Content-Type": "application/octet-stream", "Authorization": login}
        urllib.request.urlopen(urllib.request.Request(url, data, headers, method="PUT")).close()


@contextmanager
def moto_server(folder):
    """Run moto's server; yields its host and port."""
    python = require_venv(_LOCK)
    folder.mkdir(parents=True, exist_ok=True)

    def command(port):
        return [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    with listening(command, folder / "log", env={"PATH": os.environ.get("PATH", "")}) as port:
        yield f"127.0.0.1:{port}"
