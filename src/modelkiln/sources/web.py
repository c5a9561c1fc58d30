"""Model artifacts at http and https addresses: one file each."""

import netrc
import re
import urllib.parse
from base64 import b64encode
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, open_url, with_retries
from modelkiln.network.http_file import HttpFile, ServedFile, network_error, total_size, version_of
from modelkiln.sources.addresses import check_files, refuse_secrets
from modelkiln.sources.source import Listing, Source, SourceFile

__all__ = ["basic_login", "open_source"]

_LOGIN = "Put a login for its host into ~/.netrc, or into the file that NETRC names."
_PAGES = ("text/html", "application/xhtml+xml")


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of an address such as `https://host/folder/model.onnx`.

    `#sha256=<hex>` at its end, where it is given, must be the file's. Raises ModelkilnError for an
    address that holds credentials or does not end in a file's name.
    """
    return _Web(refuse_secrets(uri, _LOGIN), env)


def basic_login(url: str, env: Mapping[str, str]) -> str:
    """Return the Authorization header's value that ~/.netrc (or $NETRC) has for the host, or ""."""
    path = Path(env["NETRC"]) if env.get("NETRC") else Path(env.get("HOME", "/nonexistent"), ".netrc")
    try:
        found = netrc.netrc(str(path)).authenticators(urllib.parse.urlsplit(url).hostname or "")
    except FileNotFoundError:
        return ""
    except (OSError, netrc.NetrcParseError) as error:
        # The error's own text may show the line that it stumbled over.
        reason = type(error).__name__
        raise ModelkilnError(f"{path}: cannot be read ({reason}). Fix it; its format is netrc(5).") from None
    return "Basic " + b64encode(f"{found[0]}:{found[2]}".encode()).decode() if found else ""


class _Web(Source):
    def __init__(self, uri: str, env: Mapping[str, str]) -> None:
        self._uri, self._env = uri, env
        self._url, _, fragment = uri.partition("#")
        self._sha256 = _pinned(fragment, uri)
        self._name = urllib.parse.unquote(urllib.parse.urlsplit(self._url).path.rpartition("/")[2])
        if not self._name:
            raise ModelkilnError(f"source {uri}: ends in no file's name. Give the address of one file.")

    def list(self) -> Listing:
        try:
            # As little as can be asked for that shows size and version. Not HEAD: what signs
            # addresses for GET refuses it, and servers' answers to it are less often right.
            with with_retries(lambda: self._open({"Range": "bytes=0-0"})) as response:
                content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                size, version = total_size(response), version_of(response.headers)
        except NETWORK_ERRORS as error:
            raise network_error(f"source {self._url}", error, _LOGIN) from error
        if content_type in _PAGES and not self._name.lower().endswith((".html", ".htm", ".xhtml")):
            raise ModelkilnError(
                f"source {self._url}: the server answers with a web page ({content_type}), perhaps one to log in, "
                "and not with the file. Give the address of the file itself."
            )
        file = SourceFile(self._name, size, self._sha256, version, self._url)
        return Listing(self._uri, "", check_files([file], f"source {self._url}"))

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        return HttpFile(
            self._open,
            f"source {self._url}",
            ServedFile(_LOGIN, file.size, file.version, is_immutable=file.sha256 is not None),
            offset,
        )

    def _open(self, headers: Mapping[str, str]) -> Any:
        return open_url(self._url, self._env, headers, basic_login(self._url, self._env))


def _pinned(fragment: str, uri: str) -> Optional[str]:
    if not fragment:
        return None
    match = re.fullmatch(r"sha256=([0-9a-f]{64})", fragment)
    if not match:
        raise ModelkilnError(f"source {uri}: ends in #{fragment}; want #sha256= and 64 lower-case hex digits, or none.")
    return match.group(1)
