"""MLflow's REST API, as far as reading a registered model needs it.

By hand and not through mlflow-skinny: it is six kinds of requests, and mlflow-skinny brings some 40
packages into the process that fetches, reads proxies and certificates from its own environment,
and downloads files whole. Paths and fields are those of MLflow 3's "REST API" documentation, which
2.x servers answer alike but for logged models.
"""

import configparser
import json
import urllib.error
import urllib.parse
from base64 import b64encode
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Tuple

from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, http_status, open_url, with_retries
from modelkiln.network.http_file import HttpFile, ServedFile, network_error
from modelkiln.runtime.weights.http import origin

__all__ = ["LOGIN", "MlflowClient", "s3_options"]

LOGIN = "Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
_API = "/api/2.0"
# Answers hold metadata. One of this size is no longer that.
_ANSWER_LIMIT = 16 << 20
# A server that goes on listing folders after so many is broken.
_FOLDER_LIMIT = 10_000
_ARTIFACTS = "mlflow-artifacts"


class MlflowClient:
    """Reads from the tracking server that the machine's settings name; for several threads."""

    def __init__(self, env: Mapping[str, str], where: str) -> None:
        self._where = where
        self._url, user = _server(env.get("MLFLOW_TRACKING_URI", ""), where)
        self._authorization = _authorization(env) or user
        authority = env.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
        self._env = {**env, "SSL_CERT_FILE": authority} if authority else env

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON object that `/mlflow/<path>` answers with."""
        return self._json(self._url, f"/mlflow/{path}", query)

    def artifacts(self, root: str) -> Iterator[Tuple[str, int]]:
        """Yield path (relative to `root`) and size in bytes of all files below an artifact folder.

        root: `mlflow-artifacts:/path` or `mlflow-artifacts://host/path`, which the tracking server
        (or `host`) hands out by itself.
        """
        server, path = self._artifact_server(root)
        folders, seen = [""], 0
        while folders:
            folder = folders.pop()
            seen += 1
            if seen > _FOLDER_LIMIT:
                raise ModelkilnError(f"{self._where}: lists more than {_FOLDER_LIMIT} folders. Name a folder below.")
            listed = self._json(server, f"/{_ARTIFACTS}/artifacts", {"path": f"{path}/{folder}".strip("/")})
            for one in listed.get("files") or []:
                name = f"{folder}/{one.get('path')}" if folder else str(one.get("path"))
                if one.get("is_dir"):
                    folders.append(name)
                else:
                    yield name, int(one.get("file_size") or 0)

    def open_artifact(self, root: str, path: str, offset: int, size: Any, is_immutable: bool) -> HttpFile:
        """Open a file below an artifact folder from `offset` on."""
        server, folder = self._artifact_server(root)
        url = f"{server}{_API}/{_ARTIFACTS}/artifacts/{urllib.parse.quote(f'{folder}/{path}'.strip('/'))}"
        return HttpFile(
            lambda headers: self._open(url, headers),
            f"{self._where}: {path}",
            # Before it hands out a file of a bucket, the server makes a copy: its ETag is the copy's.
            ServedFile(LOGIN, size, is_immutable=is_immutable, has_versions=False),
            offset,
        )

    def _artifact_server(self, root: str) -> Tuple[str, str]:
        parts = urllib.parse.urlsplit(root)
        scheme = urllib.parse.urlsplit(self._url).scheme
        return (f"{scheme}://{parts.netloc}" if parts.netloc else self._url), parts.path.strip("/")

    def _json(self, server: str, path: str, query: Mapping[str, str]) -> Any:
        url = f"{server}{_API}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")

        def read() -> bytes:
            with self._open(url, {}) as response:
                return response.read(_ANSWER_LIMIT + 1)

        try:
            data = with_retries(read)
            answer = json.loads(data)
        except urllib.error.HTTPError as error:
            said = _message(error)
            if http_status(error) == 404 and said:
                raise ModelkilnError(f"{self._where}: {said}. Check the name and the version.") from None
            raise network_error(f"{self._where}{': ' + said if said else ''}", error, LOGIN) from error
        except NETWORK_ERRORS as error:
            raise network_error(self._where, error, LOGIN) from error
        if len(data) > _ANSWER_LIMIT or not isinstance(answer, dict):
            raise ModelkilnError(f"{self._where}: the server's answer is not one of MLflow. Check MLFLOW_TRACKING_URI.")
        return answer

    def _open(self, url: str, headers: Mapping[str, str]) -> Any:
        # A login is for the tracking server alone, also when an artifact lies at another.
        return open_url(url, self._env, headers, self._authorization if origin(url) == origin(self._url) else "")


def s3_options(env: Mapping[str, str]) -> Dict[str, Any]:
    """Return what MLflow's own variables say of the buckets that hold its artifacts, as options of s3fs.

    They are for MLflow's artifacts alone: other sources in S3 may be elsewhere.
    """
    found: Dict[str, Any] = {}
    if env.get("MLFLOW_S3_ENDPOINT_URL"):
        found["endpoint_url"] = env["MLFLOW_S3_ENDPOINT_URL"]
    if env.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1"):
        found["client_kwargs"] = {"verify": False}
    return found


def _server(uri: str, where: str) -> Tuple[str, str]:
    """The server's address without a login, and the login as a header's value."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = f"{parts.scheme}:..." if uri else "nothing"
        raise ModelkilnError(
            f"{where}: MLFLOW_TRACKING_URI is set to {shown}. Set it to the address of an MLflow server, "
            "as in http://127.0.0.1:5000."
        )
    user, _, host = parts.netloc.rpartition("@")
    login = "Basic " + b64encode(urllib.parse.unquote(user).encode()).decode() if user else ""
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", login


def _authorization(env: Mapping[str, str]) -> str:
    """As MLflow's client finds it: variables, then ~/.mlflow/credentials."""
    if env.get("MLFLOW_TRACKING_TOKEN"):
        return f"Bearer {env['MLFLOW_TRACKING_TOKEN']}"
    user, password = env.get("MLFLOW_TRACKING_USERNAME"), env.get("MLFLOW_TRACKING_PASSWORD", "")
    if not user and env.get("HOME"):
        config = configparser.ConfigParser(interpolation=None)
        try:
            config.read(Path(env["HOME"], ".mlflow", "credentials"))
        except configparser.Error:
            raise ModelkilnError("~/.mlflow/credentials: cannot be read. It has a section [mlflow].") from None
        user = config.get("mlflow", "mlflow_tracking_username", fallback="")
        password = config.get("mlflow", "mlflow_tracking_password", fallback="")
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode() if user else ""


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(1 << 16))["message"])[:300].rstrip(".")
    except (ValueError, KeyError, TypeError, OSError):
        return ""
