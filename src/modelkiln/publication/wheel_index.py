"""Wheels of models in indexes of Python packages: looked up first, and uploaded by twine.

Uploading has no specification but what twine does; reading is PyPA's "Simple repository API" (PEP 503, PEP 691).
"""

import base64
import configparser
import hashlib
import html.parser
import json
import os
import re
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

from modelkiln.digest import iter_chunks
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import insecure_registries
from modelkiln.network.http import NETWORK_ERRORS, http_status, open_url, with_retries

__all__ = ["WheelIndex", "find_index", "find_sha256", "publish_wheel"]

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = {"Accept": f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"}
# Where servers list the files of what is uploaded at an address: pypiserver, Artifactory, Nexus, GitLab and clouds
# do it below `simple/`, devpi below `+simple/`. Those with an address for uploads alone list beside it; PyPI has
# another host for it, and takes the same file twice.
_LISTINGS, _BESIDE = ("simple/", "+simple/"), ("../simple/",)
_UPLOADS = ("/upload/", "/legacy/")
# Of the machine's settings, what twine gets: the others are no business of an index.
_PASSED = frozenset({"HOME", "PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})
_COLOURS = re.compile("\x1b\\[[0-9;]*m")
_AUTHORITIES = ("TWINE_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class WheelIndex:
    """named: as the target has it. address: of uploads, with a slash at its end. login: user and password, or None."""

    named: str
    address: str
    login: Optional[tuple[str, str]]

    @property
    def authorization(self) -> str:
        """The HTTP header of the login, or ""."""
        return f"Basic {base64.b64encode(':'.join(self.login).encode()).decode()}" if self.login else ""


def find_index(named: str, env: Mapping[str, str]) -> WheelIndex:
    """Return the index that a target names: an address, or `@section` of ~/.pypirc.

    env: the machine's settings, with TWINE_USERNAME and TWINE_PASSWORD. Raises ModelkilnError for one that is not
    known, and for one without TLS that `[modelkiln].insecure_registries` does not list.
    """
    address, user, password = named, env.get("TWINE_USERNAME"), env.get("TWINE_PASSWORD")
    if named.startswith("@"):
        section = _pypirc_section(named[1:], env)
        address, user = section.get("repository", ""), user or section.get("username")
        password = password or section.get("password")
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ModelkilnError(
            f"index {named!r}: {address!r} is not an address such as https://index.example.com/upload/. Logins come "
            "from TWINE_USERNAME and TWINE_PASSWORD, or from ~/.pypirc for an index that is named @section."
        )
    if parts.scheme == "http" and parts.netloc not in insecure_registries(env):
        raise ModelkilnError(
            f"index {named!r}: is spoken to without TLS, so that others can read the password. Add {parts.netloc} to "
            "[modelkiln].insecure_registries, or use https."
        )
    return WheelIndex(named, address.rstrip("/") + "/", (user, password) if user and password else None)


def _pypirc_section(name: str, env: Mapping[str, str]) -> Mapping[str, str]:
    path = Path(env.get("HOME") or "/nonexistent", ".pypirc")
    config = configparser.RawConfigParser()
    try:
        config.read(path, "utf-8")
        return dict(config[name])
    except (configparser.Error, KeyError, UnicodeDecodeError):
        raise ModelkilnError(
            f"index '@{name}': {path} has no section [{name}] that can be read. Write one with `repository`, "
            "`username` and `password`, or name the index by its address."
        ) from None


def publish_wheel(wheel: Path, index: WheelIndex, env: Mapping[str, str]) -> str:
    """Put a wheel into an index; returns a line for people.

    One that the index has with the same sha256 is left, and nothing is sent. Raises ModelkilnError where it has
    another file of that name, and where the upload is refused.
    """
    ours = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if _refuse_other(wheel.name, ours, index, env):
        return f"{index.named}: has {wheel.name} already; nothing was sent"
    _upload(wheel, index, env)
    _refuse_other(wheel.name, ours, index, env)
    return f"{index.named}: {wheel.name} sent, sha256 {ours}"


def _refuse_other(filename: str, ours: str, index: WheelIndex, env: Mapping[str, str]) -> bool:
    """Whether the index has our file; raises ModelkilnError where it has another of its name."""
    theirs = find_sha256(filename, index, env)
    if theirs not in (None, ours):
        raise ModelkilnError(
            f"index {index.named!r}: has another {filename}, with sha256 {theirs}, and this one has {ours}. What is "
            "published does not change: give the model another `version`."
        )
    return theirs == ours


def find_sha256(filename: str, index: WheelIndex, env: Mapping[str, str]) -> Optional[str]:
    """Return the sha256 (hex) of a file of an index, None for one that it does not list.

    Where its listing has no sha256 the file is read. Raises ModelkilnError where the index cannot be asked.
    """
    from packaging.utils import canonicalize_name

    project = canonicalize_name(filename.partition("-")[0])
    for path in _BESIDE if index.address.endswith(_UPLOADS) else _LISTINGS:
        listing = urllib.parse.urljoin(index.address, f"{path}{project}/")
        for name, url, sha256 in _files(listing, index, env):
            if name == filename:
                return sha256 or hashlib.sha256(_read(url, index, env)[0]).hexdigest()
    return None


def _files(listing: str, index: WheelIndex, env: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Name, address and sha256 or "" of each file of a listing; nothing where there is none."""
    try:
        data, kind, url = _read(listing, index, env)
    except FileNotFoundError:
        return
    if kind == _JSON:
        for file in json.loads(data)["files"]:
            yield file["filename"], urllib.parse.urljoin(url, file["url"]), file.get("hashes", {}).get("sha256", "")
        return
    for link in _links(data.decode("utf-8", "replace")):
        address, _, fragment = urllib.parse.urljoin(url, link).partition("#")
        name = urllib.parse.unquote(urllib.parse.urlsplit(address).path.rpartition("/")[2])
        yield name, address, fragment[len("sha256=") :] if fragment.startswith("sha256=") else ""


def _links(text: str) -> list[str]:
    found: list[str] = []

    class Links(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.extend(value for name, value in attrs if tag == "a" and name == "href" and value)

    Links().feed(text)
    return found


def _read(url: str, index: WheelIndex, env: Mapping[str, str]) -> tuple[bytes, str, str]:
    """The content of an address of an index, its media type, and where it was in the end.

    Raises FileNotFoundError for one that the index lacks, and ModelkilnError where it does not answer.
    """
    same = urllib.parse.urlsplit(url).netloc == urllib.parse.urlsplit(index.address).netloc

    def read() -> tuple[bytes, str, str]:
        with open_url(url, env, _ACCEPT, index.authorization if same else "") as response:
            data = b"".join(iter_chunks(response))
            return data, response.headers.get_content_type(), response.geturl()

    try:
        return with_retries(read)
    except NETWORK_ERRORS as error:
        if http_status(error) in (404, 405, 410):
            raise FileNotFoundError(url) from None
        raise ModelkilnError(f"index {index.named!r}: {url}: cannot be read: {error}.") from None


def _upload(wheel: Path, index: WheelIndex, env: Mapping[str, str]) -> None:
    command = [sys.executable, "-I", "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"]
    # The password stays out of the command line, which others can read.
    environ = {name: value for name, value in env.items() if name in _PASSED}
    if index.login:
        environ.update({"TWINE_USERNAME": index.login[0], "TWINE_PASSWORD": index.login[1]})
    authority = next((env[name] for name in _AUTHORITIES if env.get(name)), "")
    environ.update({"TWINE_CERT": authority} if authority else {})
    done = subprocess.run(
        [*command, "--repository-url", index.address, os.fspath(wheel)],
        env={**environ, "LC_ALL": "C.UTF-8", "COLUMNS": "400"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = _COLOURS.sub("", done.stdout + done.stderr)
        lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
        login = "" if index.login else " It was sent without a login: set TWINE_USERNAME and TWINE_PASSWORD."
        raise ModelkilnError(f"index {index.named!r}: twine could not send {wheel.name}: {' '.join(lines[-4:])}{login}")
