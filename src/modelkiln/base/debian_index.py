"""Locking a list of Debian packages against a suite's signed index, and that of its security suite.

Trust comes from the archive's signature alone: `InRelease` is checked with gpgv, the package
index by the hash that `InRelease` gives, and each package by the hash that the index gives.
"""

import hashlib
import lzma
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from modelkiln.base.debian_lock import SCHEMA, check_lock
from modelkiln.base.debian_mirrors import MIRROR_VARIABLE, machine_mirrors, security_mirrors
from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, open_url, with_retries

__all__ = ["KEYRING", "Suite", "find_fixes", "lock_packages"]

# Where the package debian-archive-keyring puts the keys of Debian's releases.
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_PYTHON = re.compile(r"python3\.[0-9]+-minimal")
# The index of bookworm's main is 9 MB compressed and 48 MB plain.
_INDEX_LIMIT = 512 << 20


@dataclass(frozen=True)
class Suite:
    """A suite of Debian's archive for one architecture, and how it is read.

    env: the machine's settings, see `load_machine_env`. mirrors: addresses to use instead of the
    machine's. keyring: the archive's public keys. components: its parts, of which a package comes from the first
    that has it. security: whether packages come from its security suite as well, where that has a newer version.
    """

    name: str
    architecture: str
    env: Mapping[str, str]
    mirrors: Sequence[str] = ()
    keyring: Path = KEYRING
    components: tuple[str, ...] = ("main",)
    security: bool = False

    @property
    def security_name(self) -> str:
        """The code name of its security suite (Debian's way of naming it since bullseye)."""
        return f"{self.name}-security"


def lock_packages(names: Sequence[str], left_out: Sequence[str], suite: Suite) -> dict[str, Any]:
    """Return the lock of `names` and all they depend on, but for `left_out`, in `suite`.

    Versions of a released suite stay on mirrors until the next point release, those of a security
    suite vanish when they are replaced, so that it is read only where `suite.security` says so.
    Raises ModelkilnError for an unknown package, a dependency that nothing provides or whose
    version does not fit, and an index that cannot be verified.
    """
    index = _index(suite)
    packages = []
    for name in sorted(_closure(names, left_out, index)):
        entry = index[name]
        packages.append(
            {
                "name": name,
                "version": entry["Version"],
                "architecture": entry["Architecture"],
                "filename": entry["Filename"],
                "size": int(entry["Size"]),
                "sha256": entry["SHA256"],
            }
        )
    lock = {"schema": SCHEMA, "suite": suite.name, "architecture": suite.architecture, "packages": packages}
    return check_lock(lock, f"suite {suite.name}")


def find_fixes(packages: Sequence[Mapping[str, Any]], suite: Suite) -> dict[str, str]:
    """Return the newest version in the suite's security suite, by name, of each of the locked `packages` that has a
    newer one there than is locked.

    Empty where no mirror of this machine has the security suite. Raises ModelkilnError for an index that cannot be
    verified.
    """
    from debian.debian_support import Version

    index = _try_index(suite, suite.security_name, security_mirrors(_mirrors(suite)), [])
    if index is None:
        return {}
    found = {one["name"]: index[one["name"]]["Version"] for one in packages if one["name"] in index}
    locked = {one["name"]: one["version"] for one in packages}
    return {name: version for name, version in found.items() if Version(version) > Version(locked[name])}


def _mirrors(suite: Suite) -> Sequence[str]:
    return suite.mirrors or machine_mirrors(suite.env)


def _index(suite: Suite) -> "_Index":
    """The suite's packages by name, with newer versions of its security suite where it takes them."""
    mirrors = _mirrors(suite)
    problems: list[str] = []
    index = _try_index(suite, suite.name, mirrors, problems)
    if index is None:
        raise ModelkilnError(
            f"No mirror has the suite {suite.name!r}. Tried {'; '.join(problems)}. Fix the suite's name, "
            f"or name a mirror in {MIRROR_VARIABLE}."
        )
    if suite.security:
        fixes = _try_index(suite, suite.security_name, security_mirrors(mirrors), problems)
        if fixes is None:
            raise ModelkilnError(
                f"No mirror has the security suite {suite.security_name!r}. Tried {'; '.join(problems)}. Name a mirror "
                f"of it in {MIRROR_VARIABLE}, after that of the suite, or lock without `security`."
            )
        index.take_newer(fixes)
    return index


def _try_index(suite: Suite, name: str, mirrors: Sequence[str], problems: list[str]) -> "Optional[_Index]":
    """The index of the suite called `name`, from the first mirror that has it; None, with a line for each mirror in
    `problems`, where none has."""
    for mirror in mirrors:
        base = f"{mirror.rstrip('/')}/dists/{name}"
        try:
            signed = _read(f"{base}/InRelease", suite.env)
        except NETWORK_ERRORS as error:
            problems.append(f"{base}/InRelease ({error})")
            continue
        hashes = _release_hashes(_verified(signed, suite.keyring, suite.env, base), name, base)
        index = _Index()
        for component in suite.components:
            path = f"{component}/binary-{suite.architecture}/Packages.xz"
            if path not in hashes:
                raise ModelkilnError(
                    f"{base}: has no packages for {suite.architecture!r} in its component {component!r}. Name another "
                    "architecture or component."
                )
            index.add(_verified_index(f"{base}/{path}", hashes[path], suite.env))
        return index
    return None


def _read(url: str, env: Mapping[str, str]) -> bytes:
    def read() -> bytes:
        with open_url(url, env) as response:
            return response.read(_INDEX_LIMIT)

    return with_retries(read)


def _verified(signed: bytes, keyring: Path, env: Mapping[str, str], where: str) -> str:
    """The text that a key of `keyring` has signed. gpgv's output is all that may be believed."""
    if not keyring.is_file():
        raise ModelkilnError(
            f"{keyring}: no keyring there to verify the suite with. Install debian-archive-keyring or give --keyring."
        )
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "InRelease"), Path(folder, "Release")
        source.write_bytes(signed)
        command = ["gpgv", "--homedir", folder, "--status-fd", "1", "--keyring", str(keyring.absolute())]
        command += ["--output", str(output), str(source)]
        try:
            done = subprocess.run(command, env=dict(env), capture_output=True)
        except FileNotFoundError:
            raise ModelkilnError("gpgv is not installed; the suite cannot be verified. Install gpgv.") from None
        words = [line.split()[1] for line in done.stdout.decode("utf-8", "replace").splitlines() if " " in line]
        # A suite is signed with the keys of several releases. One good signature is enough, as for
        # apt: an older keyring does not know the newer keys.
        if "VALIDSIG" not in words or "BADSIG" in words or not output.is_file():
            raise ModelkilnError(
                f"{where}/InRelease: not signed by a key of {keyring}: "
                f"{done.stderr.decode('utf-8', 'replace').strip()}. Don't use this mirror, or give "
                "the archive's keyring with --keyring."
            )
        return output.read_text("utf-8")


def _release_hashes(text: str, suite: str, where: str) -> dict[str, tuple[str, int]]:
    from debian.deb822 import Release

    release = Release(text)
    # Else a mirror could answer with another, older suite that is signed as well.
    if suite not in (release.get("Codename"), release.get("Suite")):
        raise ModelkilnError(
            f"{where}/InRelease: is of suite {release.get('Codename')!r}, want {suite!r}. Don't use this mirror."
        )
    return {one["name"]: (one["sha256"], int(one["size"])) for one in release.get("SHA256", [])}


def _verified_index(url: str, expected: tuple[str, int], env: Mapping[str, str]) -> str:
    try:
        data = _read(url, env)
    except NETWORK_ERRORS as error:
        raise ModelkilnError(f"{url}: {error}. Try again, or name another mirror in {MIRROR_VARIABLE}.") from None
    if (hashlib.sha256(data).hexdigest(), len(data)) != expected:
        raise ModelkilnError(
            f"{url}: is not the index that the signed InRelease names (sha256 {expected[0]}). The "
            "mirror is being updated or was tampered with; try again later."
        )
    return lzma.decompress(data).decode("utf-8")


class _Index(dict):
    """Paragraphs of a package index by name, parsed only when they are looked at.

    python-debian needs 20 s for all of bookworm's 63,000 paragraphs, of which a base uses 30.
    """

    def __getitem__(self, name: str) -> Any:
        from debian.deb822 import Packages

        value = super().__getitem__(name)
        if isinstance(value, str):
            value = Packages(value)
            self[name] = value
        return value

    def add(self, text: str) -> None:
        """Take the paragraphs of an index for names that are not there yet."""
        for paragraph in text.split("\n\n"):
            if paragraph.startswith("Package: "):
                self.setdefault(paragraph[9 : paragraph.index("\n")], paragraph)

    def take_newer(self, other: "_Index") -> None:
        """Take the paragraphs of `other` for names that this index has in an older version, or not at all."""
        from debian.debian_support import Version

        for name in other:
            if name not in self or Version(_version(other, name)) > Version(_version(self, name)):
                self[name] = other.paragraph(name)

    def paragraph(self, name: str) -> Any:
        """The paragraph of `name` as it is held, parsed or not."""
        return super().__getitem__(name)


def _version(index: _Index, name: str) -> str:
    """The version of a package, without parsing the rest of its paragraph."""
    paragraph = index.paragraph(name)
    if not isinstance(paragraph, str):
        return paragraph["Version"]
    return next(line[9:] for line in paragraph.splitlines() if line.startswith("Version: "))


def _closure(names: Sequence[str], left_out: Sequence[str], index: _Index) -> set[str]:
    """All packages to install. A clause with alternatives takes one that is chosen anyway, else the
    first, as apt does."""
    unknown = sorted(name for name in set(names) if name not in index)
    if unknown:
        pythons = sorted(name for name in index if _PYTHON.fullmatch(name))
        more = f" It has {' and '.join(pythons)}." if any(map(_PYTHON.fullmatch, unknown)) else ""
        raise ModelkilnError(f"Not in the suite: {', '.join(unknown)}.{more} Fix the package list or the suite.")
    both = sorted(set(names) & set(left_out))
    if both:
        raise ModelkilnError(f"Both named and left out: {', '.join(both)}. Fix the package list.")
    chosen, todo = set(names), sorted(names)
    while todo:
        name = todo.pop(0)
        for clause in _clauses(index[name]):
            wanted = _needed(name, clause, chosen, set(left_out), index)
            if wanted:
                chosen.add(wanted)
                todo.append(wanted)
    return chosen


def _clauses(entry: Any) -> list[list[dict[str, Any]]]:
    relations = entry.relations
    return relations["pre-depends"] + relations["depends"]


def _needed(
    name: str, clause: Sequence[Mapping[str, Any]], chosen: set[str], left_out: set[str], index: _Index
) -> Optional[str]:
    """The package that `clause` of package `name` adds to `chosen`; None when it holds already."""
    alternatives = " | ".join(_readable(one) for one in clause)
    if any(one["name"] in left_out for one in clause):
        return None
    present = [one for one in clause if one["name"] in chosen]
    if any(_fits(one, index) for one in present):
        return None
    virtual = {one["name"] for one in clause if one["version"] is None}
    provided = {each[0]["name"] for other in sorted(chosen) for each in index[other].relations["provides"]}
    if virtual & provided:
        return None
    for one in clause:
        if one["name"] in index and _fits(one, index):
            return one["name"]
    raise ModelkilnError(
        f"Package {name} needs {alternatives}, which the suite lacks or has only as a virtual package. Name "
        "a package that provides it in the package list, or leave it out with a line "
        f"-{clause[0]['name']}."
    )


def _readable(relation: Mapping[str, Any]) -> str:
    version = relation["version"]
    return relation["name"] + (f" ({version[0]} {version[1]})" if version else "")


def _fits(relation: Mapping[str, Any], index: _Index) -> bool:
    from debian.debian_support import Version

    if relation["version"] is None:
        return True
    operator, wanted = relation["version"]
    have, want = Version(index[relation["name"]]["Version"]), Version(wanted)
    return {
        "<<": have < want, "<=": have <= want, "=": have == want, ">=": have >= want, ">>": have > want,
    }[operator]  # fmt: skip
