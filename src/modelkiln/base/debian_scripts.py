"""What Debian's maintainer scripts would have written: the base gets it from here instead."""

from typing import Any, Iterator, Mapping, Sequence

from modelkiln.archives.tar import Entry, bytes_entry
from modelkiln.conventions import USER_ID
from modelkiln.errors import ModelkilnError

__all__ = ["dpkg_status", "entries"]

_PASSWD = f"""\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:{USER_ID}:{USER_ID}:nonroot:/home/nonroot:/sbin/nologin
"""
_GROUP = f"""\
root:x:0:
nobody:x:65534:
nonroot:x:{USER_ID}:
"""
# glibc's defaults ask services that are not there; names come from files and DNS.
_NSSWITCH = """\
passwd: files
group: files
hosts: files dns
networks: files
protocols: files
services: files
"""
_FOLDERS = (
    "home/nonroot", "root", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin",
    # dpkg-query reads the first two.
    "var/lib/dpkg/info", "var/lib/dpkg/updates",
)  # fmt: skip
_SHARED_FOLDERS = ("tmp", "var/tmp")
_CA_SOURCES = "usr/share/ca-certificates/"
_CA_BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def entries(lock: Mapping[str, Any], controls: Sequence[str], root: dict[str, Entry]) -> Iterator[Entry]:
    """Yield the entries to add to `root`, which holds those of the packages by path.

    controls: the control paragraph of each package. The certificates' single files are taken out
    of `root`: the bundle holds them.
    """
    for path in _FOLDERS:
        yield Entry(path, kind="dir")
    for path in _SHARED_FOLDERS:
        yield Entry(path, kind="dir", sticky=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        yield Entry(name, kind="symlink", link=f"usr/{name}")
    for name in ("lib32", "libx32"):
        if any(path.startswith(f"usr/{name}/") for path in root):
            yield Entry(name, kind="symlink", link=f"usr/{name}")
    yield bytes_entry("etc/passwd", _PASSWD.encode())
    yield bytes_entry("etc/group", _GROUP.encode())
    yield bytes_entry("etc/nsswitch.conf", _NSSWITCH.encode())
    yield bytes_entry("var/lib/dpkg/status", dpkg_status(controls))
    if "usr/lib/os-release" not in root and "etc/os-release" not in root:
        yield bytes_entry("usr/lib/os-release", _os_release(lock["suite"]))
        yield Entry("etc/os-release", kind="symlink", link="../usr/lib/os-release")
    yield from _certificates(root)


def _os_release(suite: str) -> bytes:
    return f'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_CODENAME={suite}\n'.encode()


def dpkg_status(controls: Sequence[str]) -> bytes:
    """Return dpkg's database, deb-status(5) as scanners and dpkg-query read it."""
    paragraphs = []
    for control in sorted(controls):
        first, _, rest = control.partition("\n")
        paragraphs.append(f"{first}\nStatus: install ok installed\n{rest}\n")
    return "\n".join(paragraphs).encode("utf-8", "surrogateescape")


def _certificates(root: dict[str, Entry]) -> Iterator[Entry]:
    """The bundle that `update-ca-certificates` would assemble, and where OpenSSL looks for it."""
    sources = sorted(path for path in root if path.startswith(_CA_SOURCES) and path.endswith(".crt"))
    if not sources:
        return
    parts = []
    for path in sources:
        with root.pop(path).open() as stream:
            data = stream.read()
        if b"-----BEGIN CERTIFICATE-----" not in data:
            raise ModelkilnError(f"/{path}: is not a PEM certificate. The ca-certificates package is damaged.")
        parts.append(data.rstrip(b"\n") + b"\n")
    yield bytes_entry(_CA_BUNDLE, b"".join(parts))
    # Debian's OPENSSLDIR is /usr/lib/ssl; these links are in the package openssl, whose only other
    # content is a command line.
    for name, target in (("cert.pem", _CA_BUNDLE), ("certs", "etc/ssl/certs")):
        if f"usr/lib/ssl/{name}" not in root:
            yield Entry(f"usr/lib/ssl/{name}", kind="symlink", link=f"/{target}")
