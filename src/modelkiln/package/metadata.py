"""What a package's metadata may hold: any JSON object, whose known keys have values of a kind."""

from typing import Any, Mapping

from modelkiln.errors import ModelkilnError
from modelkiln.package.host_requirements import check_host_requirements
from modelkiln.package.record import ANNOTATIONS
from modelkiln.package.urls import check_urls

__all__ = ["check_metadata"]


def check_metadata(value: Mapping[str, Any], where: str) -> None:
    """Refuse a value of a known key that nothing could be done with; raises ModelkilnError. where: the target."""
    for key in ANNOTATIONS:
        if key in value and not _is_text(value[key], key):
            form = 'a text or a list of texts, as in ["Ada Example"]' if key == "authors" else "a text"
            raise ModelkilnError(
                f"{where}: metadata: {key}: {value[key]!r} is not {form}, which images have as their annotation "
                f"org.opencontainers.image.{ANNOTATIONS[key]}. Write one, or leave the key out."
            )
    if "requires" in value:
        check_host_requirements(value["requires"], where)
    if "urls" in value:
        check_urls(value["urls"], where)


def _is_text(value: Any, key: str) -> bool:
    if key == "authors" and isinstance(value, list):
        return bool(value) and all(isinstance(one, str) for one in value)
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)
