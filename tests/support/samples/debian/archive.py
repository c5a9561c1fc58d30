"""A signed Debian archive in a folder."""

import hashlib
import lzma
import subprocess

from components import require
from samples.debs import locked, make_deb

__all__ = ["INDEX", "Archive"]

INDEX = {
    "app": "Depends: lib (>= 1.0), data | data-virtual, mailer\nPre-Depends: libc6",
    "lib": "Depends: libc6:any (>= 0.9~rc1)",
    "libc6": "",
    "data": "",
    "postbox": "Provides: mailer",
    "stuck": "Depends: lib (>= 99)",
}


class Archive:
    """A signed archive in a folder, with real packages and a key of its own."""

    def __init__(self, folder):
        self.folder, self.home = folder / "archive", folder / "gpg"
        self.home.mkdir(mode=0o700)
        self.keyring = folder / "keyring.gpg"
        self._gpg("--quick-generate-key", "--passphrase", "", "archive@example.org", "ed25519", "sign", "never")
        self.keyring.write_bytes(self._gpg("--export"))
        self.debs = {name: make_deb([(f"./usr/{name}", name.encode())], name=name) for name in INDEX}
        for name, data in self.debs.items():
            path = self.folder / locked(data, name)["filename"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.publish(INDEX)

    @property
    def url(self):
        """The address of the archive."""
        return self.folder.as_uri()

    def _gpg(self, *arguments, data=b""):
        command = [require("gpg"), "--homedir", str(self.home), "--batch", "--yes", "--pinentry-mode", "loopback"]
        return subprocess.run([*command, *arguments], input=data, capture_output=True, check=True).stdout

    def publish(self, index, codename="bookworm", more=()):
        """Write and sign the suite with `index`: fields of each package by name. more: packages of contrib."""
        components = {"main": index, **({"contrib": dict.fromkeys(more, "")} if more else {})}
        entries = {name: locked(data, name) for name, data in self.debs.items()}
        self._sign("bookworm", codename, {name: self._index(held, entries) for name, held in components.items()})

    def publish_fixes(self, *names, version="1.1"):
        """Write and sign a security suite with a newer version of each of `names`, which is in a pool of its own."""
        entries = {}
        for name in names:
            data = make_deb([(f"./usr/{name}", b"fixed")], name=name, version=version)
            entry = locked(data, name, version)
            entries[name] = {**entry, "filename": entry["filename"].replace("pool/", "pool/updates/", 1)}
            path = self.folder / entries[name]["filename"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        index = self._index(dict.fromkeys(names, ""), entries)
        self._sign("bookworm-security", "bookworm-security", {"main": index})

    def _sign(self, name, codename, indexes):
        suite = self.folder / "dists" / name
        release = f"Suite: oldstable\nCodename: {codename}\nSHA256:\n"
        for component, packages in indexes.items():
            path = f"{component}/binary-amd64/Packages.xz"
            (suite / path).parent.mkdir(parents=True, exist_ok=True)
            (suite / path).write_bytes(packages)
            release += f" {hashlib.sha256(packages).hexdigest()} {len(packages)} {path}\n"
        (suite / "InRelease").write_bytes(self._gpg("--clearsign", data=release.encode()))

    @staticmethod
    def _index(index, entries):
        paragraphs = []
        for name, fields in index.items():
            entry = entries[name]
            paragraphs.append(
                f"Package: {name}\nVersion: {entry['version']}\nArchitecture: all\n"
                f"Filename: {entry['filename']}\nSize: {entry['size']}\nSHA256: {entry['sha256']}\n{fields}\n"
            )
        return lzma.compress("\n".join(paragraphs).replace("\n\n\n", "\n\n").encode())
