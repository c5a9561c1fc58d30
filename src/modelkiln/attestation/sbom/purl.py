"""Package URLs: the names by which scanners look packages up.

Specification: package-url/purl-spec, "How to build purl string from its components", and types pypi, deb, oci, generic.
"""

import re
from functools import lru_cache
from typing import Mapping
from urllib.parse import quote

__all__ = ["debian_purl", "debian_release", "pypi_purl", "registry_purl", "to_purl"]

# Code names of releases -> the vendor and the number that os-release has.
_RELEASES = {
    "bullseye": ("debian", "11"),
    "bookworm": ("debian", "12"),
    "trixie": ("debian", "13"),
    "forky": ("debian", "14"),
    "focal": ("ubuntu", "20.04"),
    "jammy": ("ubuntu", "22.04"),
    "noble": ("ubuntu", "24.04"),
}


def to_purl(kind: str, namespace: str, name: str, version: str, qualifiers: Mapping[str, str]) -> str:
    """Return a package URL; what is empty is left out."""
    path = "/".join(quote(part, safe="~") for part in (*namespace.split("/"), name) if part)
    at = f"@{_quoted(version)}" if version else ""
    pairs = "&".join(f"{key}={_quoted(value)}" for key, value in sorted(qualifiers.items()) if value)
    return f"pkg:{kind}/{path}{at}" + (f"?{pairs}" if pairs else "")


def _quoted(text: str) -> str:
    # A colon is not encoded ("Rules for each purl component"), nor is a slash in what ends the text.
    return quote(text, safe=":/~")


def pypi_purl(name: str, version: str, file_name: str = "") -> str:
    """Return that of a distribution of Python, by its canonical name, and of one of its files."""
    return to_purl("pypi", "", name, version, {"file_name": file_name})


def debian_release(suite: str) -> tuple[str, str]:
    """Return the vendor and the number of a suite, by its code name; ("debian", "") for one that is not known."""
    return _RELEASES.get(suite, ("debian", ""))


@lru_cache(maxsize=1024)  # Those of a base are in the bills of all packages on it.
def debian_purl(name: str, version: str, architecture: str, suite: str, source: str = "") -> str:
    """Return that of a Debian package. source: its source package, which advisories name ("glibc@2.36-9")."""
    vendor, number = debian_release(suite)
    distro = f"{vendor}-{number}" if number else suite
    return to_purl("deb", vendor, name, version, {"arch": architecture, "distro": distro, "upstream": source})


def registry_purl(reference: str) -> str:
    """Return that of an image of a registry, by a reference with a digest; "" for one without."""
    repository, _, digest = reference.partition("@")
    if not digest:
        return ""
    repository = re.sub(r":[^/:]+$", "", repository)  # The tag says nothing that the digest does not.
    return to_purl("oci", "", repository.rpartition("/")[2].lower(), digest, {"repository_url": repository})
