"""Debian packages made in tests, and the pinned ones of this repository."""

import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
from pathlib import Path

from modelkiln.machine.settings import load_machine_env, select_machine_env

__all__ = ["LOCK_PATH", "locked", "machine_env", "make_deb", "pinned_lock", "pinned_toolchain", "put_deb", "tar_of"]

_DEBIAN = Path(__file__).resolve().parents[3] / "3rdparty" / "debian"
LOCK_PATH = _DEBIAN / "python311.lock.json"


def machine_env():
    """The settings with which this machine fetches."""
    return {**load_machine_env(Path(os.devnull)), **select_machine_env(os.environ)}


def pinned_lock():
    """The lock of this repository's base."""
    return json.loads(LOCK_PATH.read_text("utf-8"))


def pinned_toolchain():
    """This repository's toolchain, for amd64."""
    lock = json.loads((_DEBIAN / "gcc12.lock.json").read_text("utf-8"))
    return {"name": "3rdparty/debian:gcc12", "locks": {"amd64": lock}}


def tar_of(members):
    """A tar of `(name, content or TarInfo settings)`: bytes make a file, a dict any entry."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else content.get("data", b"")
            info.size = len(data)
            if isinstance(content, dict):
                for key in ("type", "mode", "linkname"):
                    setattr(info, key, content.get(key, getattr(info, key)))
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _compressed(data, ending):
    if ending == ".zst":
        import zstandard

        return zstandard.ZstdCompressor().compress(data)
    return {"": lambda data: data, ".gz": gzip.compress, ".xz": lzma.compress}[ending](data)


def _member(name, data):
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
    return header + data + b"\n" * (len(data) % 2)


def make_deb(members=(), name="demo", version="1.0", ending=".xz", data=None, control=None):
    """The bytes of a package with `members` (see `tar_of`), or with `data` as its data member."""
    if control is None:
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <n@example.org>\n"
            f"Description: made in a test\n"
        )
    inner = _compressed(tar_of([("./control", control.encode())]), ".xz")
    payload = _compressed(tar_of(members), ending) if data is None else data
    return b"!<arch>\n" + b"".join(
        [
            _member("debian-binary", b"2.0\n"),
            _member("control.tar.xz", inner),
            _member(f"data.tar{ending}", payload),
        ]
    )


def locked(data, name="demo", version="1.0"):
    """The lock's entry for the package `data`."""
    return {
        "name": name,
        "version": version,
        "architecture": "all",
        "filename": f"pool/{name}_{version}_all.deb",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def put_deb(store, members, name="demo", **settings):
    """Make a package, put it into `store` and return its lock entry."""
    data = make_deb(members, name=name, **settings)
    store.add_bytes(data)
    return locked(data, name)
