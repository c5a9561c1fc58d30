"""Repositories and tags as targets write them, with placeholders such as `{version}`."""

import re
import string
from typing import Any, Iterable, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.package.record import variant_records
from modelkiln.registry.reference import TAG

__all__ = ["check_version", "expand", "read_stamps", "record_values"]

# So many hex digits of a digest distinguish packages for people; the whole one is in the record.
_SHORT = 12
# A tag's, and what versions of Python packages and SemVer have besides: an epoch, a build.
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,127}")


def record_values(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what placeholders stand for by a package's record.

    `{digest}` is the package digest's first 12 hex digits, `{variant}` the accelerator,
    `{platform}` operating system and architecture, as in `linux-amd64`. What differs between the
    images of an index has no value.
    """
    variants = [one.get("variant") or {} for one in variant_records(record)]
    variant = {key: value for key, value in variants[0].items() if all(one.get(key) == value for one in variants)}
    values = {
        "name": record.get("name"),
        "version": record.get("version"),
        "digest": str(record.get("package_digest", "")).rpartition(":")[2][:_SHORT],
        "variant": variant.get("accelerator"),
        "accelerator": variant.get("accelerator"),
        "platform": str(variant.get("platform") or "").replace("/", "-"),
    }
    return {name: value for name, value in values.items() if isinstance(value, str) and value}


def read_stamps(stamps: Sequence[str], environ: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the values of "name=value" entries; a "NAME" alone is that environment variable's.

    A variable that is not set has no value, so that only a tag that wants it is refused.
    """
    values = {}
    for stamp in stamps:
        name, equals, value = stamp.partition("=")
        if not name.isidentifier():
            raise ModelkilnError(f"{where}: {stamp!r} is not NAME=value, nor the name of an environment variable.")
        if equals:
            values[name] = value
        elif environ.get(name):
            values[name] = environ[name]
    return values


def check_version(version: str, templates: Iterable[str], where: str) -> None:
    """Refuse a version that could not be published; raises ModelkilnError that names `where`.

    templates: of the tags that the package will get, none for one that goes into no registry.
    """
    if not _VERSION.fullmatch(version):
        raise ModelkilnError(
            f"{where}: version {version!r} cannot be part of a tag: it has 1 to 128 letters, digits, '_', '.', '-' and "
            f"'+', and starts with a letter or a digit, as {_like(version)!r} does."
        )
    for template in templates:
        tag = re.sub(r"\{\w*\}", "x", template.replace("{version}", version))
        if "{version}" in template and not re.fullmatch(TAG, tag):
            raise ModelkilnError(
                f"{where}: version {version!r} cannot be published as the tag {template!r}: a tag has 1 to 128 "
                f"letters, digits, '_', '.' and '-'. Write {_like(version, '')!r}, or other `publish_tags`."
            )


def _like(version: str, more: str = "+") -> str:
    """A version that is near one which is refused, with `more` characters than a tag's."""
    return re.sub(rf"[^A-Za-z0-9_.{more}-]+", "-", version).strip("-.+")[:128] or "1.0"


def expand(template: str, values: Mapping[str, str], where: str) -> str:
    """Return `template` with each `{name}` replaced; raises ModelkilnError that names `where`."""
    parts = []
    try:
        for text, name, form, conversion in string.Formatter().parse(template):
            parts.append(text)
            if name is None:
                continue
            if form or conversion or name not in values:
                raise ModelkilnError(
                    f"{where}: {template!r}: {{{name}}} has no value. There are: {', '.join(sorted(values))}. "
                    "Give others with --modelkiln-stamps=NAME=value."
                )
            parts.append(values[name])
    except ValueError as error:
        raise ModelkilnError(f"{where}: {template!r} is not a template ({error}). Write {{version}}, say.") from None
    return "".join(parts)
