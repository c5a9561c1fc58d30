"""Debian packages: from the machine's mirrors into the store, each accepted by its hash alone; and a folder as a
mirror."""

import functools
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from modelkiln.digest import iter_chunks, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store

__all__ = [
    "MIRROR_VARIABLE",
    "Refused",
    "deb_digest",
    "download",
    "fetch_debs",
    "fill_folder",
    "machine_mirrors",
    "security_mirrors",
]

# Mirrors to use instead of apt's, separated by white space or commas, tried in order; the word "apt" among them
# stands for apt's own.
MIRROR_VARIABLE = "MODELKILN_DEBIAN_MIRROR"

# Where Debian's security archive has its packages; the archive of the suites has them in "pool/".
_SECURITY_POOL = "pool/updates/"

# More connections than this do not fill a line any better, and mirrors dislike them.
_DOWNLOADS = 4


class Refused(Exception):
    """A mirror sent other bytes than the lock pins; `str()` says which."""


def deb_digest(package: Mapping[str, Any]) -> str:
    """Return the digest of a locked package's .deb, the name of its blob in the store."""
    return "sha256:" + package["sha256"]


def machine_mirrors(env: Mapping[str, str]) -> list[str]:
    """Return the addresses of this machine's Debian mirrors, without a trailing slash.

    They are those of MODELKILN_DEBIAN_MIRROR, in which the word "apt" stands for those that apt is
    configured with; without the variable these alone. apt is asked what `apt-get update` would
    read: unlike `apt-get indextargets`, which lists only what was already downloaded, this answers
    on a fresh machine too. Raises ModelkilnError when there are none.
    """
    named = env.get(MIRROR_VARIABLE, "").replace(",", " ").split() or ["apt"]
    mirrors = [uri for name in named for uri in (_apt_mirrors(env) if name == "apt" else [name])]
    if not mirrors:
        raise ModelkilnError(
            f"No Debian mirror is known: apt is not configured here and {MIRROR_VARIABLE} is not "
            "set. Set it to the address of a mirror (http://, https:// or file://)."
        )
    return list(dict.fromkeys(mirror.rstrip("/") for mirror in mirrors))


def security_mirrors(mirrors: Sequence[str]) -> list[str]:
    """Return where a security suite may be: `mirrors`, and beside each `.../debian` its `.../debian-security`.

    That is the folder that Debian's own servers and its mirrors give it.
    """
    beside = [f"{mirror.rstrip('/')}-security" for mirror in mirrors if mirror.rstrip("/").endswith("/debian")]
    return list(dict.fromkeys([*mirrors, *beside]))


def _apt_mirrors(env: Mapping[str, str]) -> list[str]:
    command = ["apt-get", "update", "--print-uris"]
    try:
        done = subprocess.run(command, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return []
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    uris = [line.split("'")[1] for line in lines if line.startswith("'") and "Release' " in line]
    return [uri.partition("/dists/")[0] for uri in uris if "/dists/" in uri]


def fetch_debs(
    packages: Sequence[Mapping[str, Any]],
    store: Store,
    env: Mapping[str, str],
    progress: Callable[[int], None] = lambda size: None,
) -> None:
    """Put the .deb of each locked package into `store`, as the blob of its sha256.

    packages: objects with "name", "version", "filename" (relative to a mirror), "size" (bytes)
    and "sha256" (hex). What is in the store is not fetched again. progress: gets the size of each that is had.
    Raises ModelkilnError with all packages that could not be had, the addresses that were tried and the remedy.
    """
    missing = [one for one in packages if not store.holds(deb_digest(one))]
    if not missing:
        return
    # Imported here: every layer's process imports this module, and mostly nothing is missing.
    from concurrent.futures import ThreadPoolExecutor

    mirrors = machine_mirrors(env)
    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        problems = list(pool.map(lambda one: _fetch(one, mirrors, store, env, progress), missing))
    failures = [problem for problem in problems if problem]
    if failures:
        raise ModelkilnError("\n".join(failures))


def _fetch(
    package: Mapping[str, Any],
    mirrors: Sequence[str],
    store: Store,
    env: Mapping[str, str],
    progress: Callable[[int], None],
) -> str:
    """Fetch one package from the first mirror that has it; returns what went wrong, or ""."""
    from modelkiln.network.http import NETWORK_ERRORS, with_retries

    tried = []
    for url in _addresses(package["filename"], mirrors):
        try:
            with_retries(functools.partial(download, url, package, store, env))
            progress(package["size"])
            return ""
        except (*NETWORK_ERRORS, Refused) as error:
            tried.append(f"{url} ({error})")
    return (
        f"Debian package {package['name']} {package['version']}: no mirror has the pinned file. "
        f"Tried {'; '.join(tried)}. Mirrors drop a version when it is replaced: lock the base "
        f"again (`pants lock`), or name a mirror that still has it in {MIRROR_VARIABLE}."
    )


def _addresses(filename: str, mirrors: Sequence[str]) -> list[str]:
    # `~` and `+` are common in Debian's file names and legal in a path.
    quoted = urllib.parse.quote(filename, safe="/+~:=")
    addresses = [f"{mirror}/{quoted}" for mirror in mirrors]
    if not quoted.startswith(_SECURITY_POOL):
        return addresses
    # A fix leaves the security archive with the next point release, which has the same file.
    released = f"pool/{quoted[len(_SECURITY_POOL) :]}"
    return [
        *(f"{mirror}/{quoted}" for mirror in security_mirrors(mirrors)),
        *(f"{mirror}/{released}" for mirror in mirrors),
    ]


def download(url: str, package: Mapping[str, Any], store: Store, env: Mapping[str, str]) -> None:
    """Put the file at `url` into `store`; raises Refused for one of another size or hash than `package` has, and what
    a network raises."""
    from modelkiln.network.http import open_url

    with open_url(url, env) as response, store.writer() as blob:
        for chunk in iter_chunks(response):
            blob.write(chunk)
            if blob.size > package["size"]:
                break
        if blob.size < package["size"] and response.headers.get("Content-Length") != str(blob.size):
            raise ConnectionError(f"cut off after {blob.size} of {package['size']} bytes")
        if (blob.size, blob.digest) != (package["size"], deb_digest(package)):
            raise Refused(
                f"sent {blob.size} bytes or more with {blob.digest}, want {package['size']} "
                f"bytes with {deb_digest(package)}"
            )


def fill_folder(packages: Sequence[Mapping[str, Any]], folder: Path, store: Store, env: Mapping[str, str]) -> int:
    """Put the .deb of each locked package below `folder`, under its file name; return how many were not there.

    The folder is then a mirror of these packages, by `file://` or from any web server. Files that are there with
    the locked bytes stay; others are replaced. env: the machine's settings, by which packages that the store lacks
    are fetched. Raises ModelkilnError for those that cannot be had.
    """
    # Imported here: every layer's process imports this module.
    import shutil

    from modelkiln.machine.outputs import replacing
    from modelkiln.progress import Progress

    missing = [one for one in packages if not _is_there(folder / one["filename"], one)]
    lacking = sum(one["size"] for one in missing if not store.holds(deb_digest(one)))
    with Progress("fetch Debian packages", lacking) as progress:
        fetch_debs(missing, store, env, progress.add)
    for one in missing:
        path = folder / one["filename"]
        with store.open(deb_digest(one)) as blob, replacing(path) as made, made.open("wb") as file:
            shutil.copyfileobj(blob, file)
    return len(missing)


def _is_there(path: Path, package: Mapping[str, Any]) -> bool:
    try:
        return path.stat().st_size == package["size"] and sha256_bytes(path.read_bytes()) == deb_digest(package)
    except OSError:
        return False
