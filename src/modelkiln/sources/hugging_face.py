"""Model artifacts from repositories of Hugging Face, or of a server that speaks as its hub does."""

import re
import urllib.parse
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.network.http import open_url, with_retries
from modelkiln.network.http_file import HttpFile, ServedFile
from modelkiln.sources.clients import import_client
from modelkiln.sources.source import Listing, Source, SourceFile, by_path

__all__ = ["open_source"]

_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN; a gated model must be asked for on its page."
# A repository's name is "name" or "org/name"; a revision is a branch, a tag or a commit, which may have slashes.
_URI = re.compile(r"hf:(?://)?(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[^\s@?#]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of `hf://org/name` or `hf://org/name@revision`.

    The hub is that of HF_ENDPOINT, or the client's own. Raises ModelkilnError for other URIs.
    """
    match = _URI.fullmatch(uri)
    if not match:
        raise ModelkilnError(f"source {uri!r}: want hf://org/name or hf://org/name@revision, or hf:org/name.")
    return _HuggingFace(uri, match["name"], match["revision"], env)


class _HuggingFace(Source):
    def __init__(self, uri: str, name: str, revision: Optional[str], env: Mapping[str, str]) -> None:
        self._uri, self._name, self._revision, self._env = uri, name, revision, env
        self._where = f"source {uri}"
        hub = import_client("huggingface_hub", "huggingface_hub", env, self._where)
        self._hub, self._token = hub, _token(env)
        self._endpoint = (env.get("HF_ENDPOINT") or hub.constants.ENDPOINT).rstrip("/")

    def list(self) -> Listing:
        # Without a login of its own the client would look for one: `False` keeps it from that.
        api = self._hub.HfApi(endpoint=self._endpoint, token=self._token or False)
        try:
            info = with_retries(lambda: api.model_info(self._name, revision=self._revision, files_metadata=True))
        except Exception as error:  # Of the client, or of the library below it.
            raise self._to_error(error) from None
        if not _COMMIT.fullmatch(info.sha or ""):
            raise ModelkilnError(
                f"{self._where}: the hub names {info.sha!r}, which is not a commit. Check HF_ENDPOINT."
            )
        files = [self._file(one, info.sha) for one in info.siblings or ()]
        return Listing(self._uri, info.sha, by_path(files), _facts(info))

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        # A locator holds the commit. Its files never change, so neither a cut nor a redirect can mix any.
        if not _COMMIT.fullmatch(file.locator):
            raise ModelkilnError(f"{self._where}: {file.path}: {file.locator!r} is not a commit. Run `pants lock`.")
        path = urllib.parse.quote(file.path)
        url = f"{self._endpoint}/{self._name}/resolve/{file.locator}/{path}"
        return HttpFile(
            lambda headers: open_url(url, self._env, headers, f"Bearer {self._token}" if self._token else ""),
            f"{self._where}: {file.path}",
            ServedFile(_LOGIN, file.size, is_immutable=True),
            offset,
        )

    def _file(self, one: Any, commit: str) -> SourceFile:
        large = one.lfs or {}
        sha256 = large.get("sha256") if isinstance(large, dict) else getattr(large, "sha256", None)
        return SourceFile(one.rfilename, one.size, sha256, sha256 or one.blob_id or commit, commit)

    def _to_error(self, error: Exception) -> ModelkilnError:
        said = " ".join(str(error).split())[:300].rstrip(".")
        status = getattr(getattr(error, "response", None), "status_code", None)
        remedy = "Check the network, the machine's proxy settings and HF_ENDPOINT."
        if status in (401, 403):
            remedy = f"Check the name. {_LOGIN}"
        elif status == 404:
            remedy = "Check name and revision; a private repository looks as if it were not there. " + _LOGIN
        return ModelkilnError(f"{self._where}: {said}. {remedy}")


def _facts(info: Any) -> dict[str, Any]:
    """The model card's license and what else of it has a place in a record."""
    card = info.card_data.to_dict() if info.card_data else {}
    facts = {
        "name": info.id,
        "license": card.get("license"),
        "library": info.library_name,
        "task": info.pipeline_tag,
        "lineage": {"base_model": card.get("base_model"), "datasets": card.get("datasets")},
    }
    facts["lineage"] = {key: value for key, value in facts["lineage"].items() if value}
    return {key: value for key, value in facts.items() if value}


def _token(env: Mapping[str, str]) -> str:
    """The login, from where the client keeps it."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if env.get(name):
            return env[name].strip()
    cache = env.get("XDG_CACHE_HOME") or f"{env.get('HOME', '')}/.cache"
    home = env.get("HF_HOME") or f"{cache}/huggingface"
    try:
        return Path(env.get("HF_TOKEN_PATH") or f"{home}/token").read_text("utf-8").strip()
    except OSError:
        return ""
