"""Wheels from package indexes to the store, each kept by its hash alone."""

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Sequence

from modelkiln.errors import ModelkilnError, reason
from modelkiln.store.store import Store
from modelkiln.wheels.wheel import Wheel, open_wheel

__all__ = ["check_requires", "check_wheels", "fetch_wheels", "missing_wheels", "open_wheels", "wheel_digest"]

_FIELDS = ("name", "version", "filename", "sha256")


def wheel_digest(wheel: Mapping[str, Any]) -> str:
    """The digest of a wheel's blob."""
    return f"sha256:{wheel['sha256']}"


def check_wheels(wheels: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return name, version, filename and sha256 of wheels, and "build" where they have it, sorted by name.

    Raises ModelkilnError for missing fields, file names that are not a wheel's, or another
    package's, and a package that is listed twice.
    """
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
    from packaging.version import InvalidVersion, Version

    found: dict[str, dict[str, Any]] = {}
    for wheel in wheels:
        try:
            fields: dict[str, Any] = {key: str(wheel[key]) for key in _FIELDS}
            parsed, version, _, _ = parse_wheel_filename(fields["filename"])
            same = parsed == canonicalize_name(fields["name"]) and version == Version(fields["version"])
        except (KeyError, InvalidWheelFilename, InvalidVersion) as error:
            raise ModelkilnError(f"wheel {dict(wheel)!r}: {reason(error)}. Resolve its lock again.") from None
        if not same or "/" in fields["filename"] or fields["name"] in found:
            raise ModelkilnError(
                f"wheel {fields['filename']!r} is not that of {fields['name']} {fields['version']}, or is "
                "there twice. Resolve its lock again."
            )
        found[fields["name"]] = {**fields, "build": wheel["build"]} if wheel.get("build") else fields
    return [found[name] for name in sorted(found)]


def check_requires(wheel: Wheel, advertised: Iterable[str]) -> None:
    """Refuse a wheel that requires something else than its index advertised when it was chosen.

    advertised: its Requires-Dist (core metadata specifications), by which the environment was put together.
    """
    from installer.utils import parse_metadata_file

    lines = parse_metadata_file(wheel.read_metadata("METADATA")).get_all("Requires-Dist") or []
    found, expected = ({" ".join(str(line).split()) for line in texts} for texts in (lines, advertised))
    if found != expected:
        raise ModelkilnError(
            f"{wheel.title}: requires {', '.join(sorted(found)) or 'nothing'}, and its package index says "
            f"{', '.join(sorted(expected)) or 'nothing'}. The index does not match the wheel; use another."
        )


def missing_wheels(wheels: Iterable[Mapping[str, Any]], store: Store) -> list[dict[str, Any]]:
    """Return those wheels that `store` lacks, as `check_wheels` returns them."""
    return [wheel for wheel in check_wheels(wheels) if not store.holds(wheel_digest(wheel))]


def fetch_wheels(missing: Sequence[Mapping[str, Any]], python: str, store: Store) -> None:
    """Put wheels that `store` lacks into it, with one run of pip for all.

    missing: see `missing_wheels`. python: "3.11". Raises ModelkilnError for a wheel that no index has
    any more, or that has another hash there.
    """
    if not missing:
        return
    from modelkiln.manifest.pip import index_lines, run_pip, target_options

    with store.temporary_folder() as folder:
        lines = (f"{wheel['name']}=={wheel['version']} --hash={wheel_digest(wheel)}\n" for wheel in missing)
        (folder / "lock.txt").write_text(index_lines(store) + "".join(lines))
        arguments = ["download", "--no-deps", "--require-hashes", "--dest=wheels", "--progress-bar=off"]
        arguments += [*target_options(python, _platforms(missing)), "--requirement=lock.txt"]
        # Not kept in pip's cache: the store is the cache, and wheels with CUDA have gigabytes.
        result = run_pip([*arguments, "--no-cache-dir"], store, folder)
        if result.code:
            raise ModelkilnError(
                f"{', '.join(wheel['filename'] for wheel in missing)}: cannot be fetched with the "
                f"locked hashes. pip says: {result.errors} Compile the lock again if an index "
                "replaced or withdrew a file."
            )
        for wheel in missing:
            _take(folder / "wheels", wheel, store)


def _platforms(wheels: Sequence[Mapping[str, str]]) -> list[str]:
    # The files are known: their own platform tags are those that pip has to accept.
    from packaging.utils import parse_wheel_filename

    tags = (tag for wheel in wheels for tag in parse_wheel_filename(wheel["filename"])[3])
    return sorted({tag.platform for tag in tags} - {"any"}) or ["any"]


def _take(folder: Path, wheel: Mapping[str, str], store: Store) -> None:
    from packaging.utils import canonicalize_name, parse_wheel_filename

    for path in sorted(folder.glob("*.whl")):
        # An index may spell a file's name in another way than the lock's index did.
        if parse_wheel_filename(path.name)[0] == canonicalize_name(wheel["name"]):
            store.move_in(path, wheel_digest(wheel))
            return
    raise ModelkilnError(f"{wheel['filename']}: pip fetched no such file. Build again.")


@contextmanager
def open_wheels(wheels: Sequence[Mapping[str, Any]], store: Store) -> Iterator[list[Wheel]]:
    """Open wheels that are in `store`, in the order of `wheels`."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                open_wheel(store.path(wheel_digest(wheel)), wheel["filename"], wheel["name"], wheel["version"])
            )
            for wheel in wheels
        ]
