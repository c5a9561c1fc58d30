"""What a package's metadata may hold: any JSON object, whose known keys have values of a kind.

`urls` are addresses of the model, which a wheel has as `Project-URL`.
"""

from typing import Any, Collection, Mapping
from urllib.parse import urlsplit

from modelkiln.errors import ModelkilnError
from modelkiln.package.host_requirements import check_host_requirements
from modelkiln.package.record import ANNOTATIONS

__all__ = ["check_metadata", "check_urls", "is_address", "project_urls"]

# Core metadata, "Project-URL (multiple-use)": a label of at most so many characters, a comma, the address.
_MAX_LABEL = 32
# Texts of the metadata that are addresses of their own.
_LINKS = ("documentation", "source")
_FORM = '{"Issues": "https://tracker.example.com/models/fraud"}'


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


def check_urls(value: Any, where: str) -> None:
    """Refuse what core metadata could not hold; raises ModelkilnError. where: the target."""
    where = f"{where}: metadata: urls"
    if not isinstance(value, Mapping):
        raise ModelkilnError(f"{where} = {value!r} is not a dictionary, as in {_FORM}.")
    names = [label.casefold() for label in value if isinstance(label, str)]
    for label, url in value.items():
        if not isinstance(label, str) or not _is_label(label):
            raise ModelkilnError(
                f"{where}: {label!r} is not a label of up to {_MAX_LABEL} characters without a comma, as in {_FORM}."
            )
        if label.casefold() in _LINKS:
            raise ModelkilnError(f"{where}: {label!r} is a key of `metadata` itself: write it there.")
        if names.count(label.casefold()) > 1:
            raise ModelkilnError(f"{where}: {label!r} is there in several spellings. Leave one of them.")
        if not isinstance(url, str) or not is_address(url):
            raise ModelkilnError(f"{where}: {label}: {url!r} is not an address of https or http, as in {_FORM}.")


def project_urls(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the addresses in the metadata of a package's record by their labels, in order."""
    texts = ((key, " ".join(str(metadata.get(key) or "").split())) for key in _LINKS)
    links = [(key, text) for key, text in texts if _is_link(text)]
    named = metadata.get("urls")
    return links + sorted(named.items() if isinstance(named, Mapping) else ())


def _is_label(text: str) -> bool:
    return 0 < len(text) <= _MAX_LABEL and text.isprintable() and text == text.strip() and "," not in text


def is_address(text: str, schemes: Collection[str] = ("https", "http")) -> bool:
    """Whether a text is an address of one of the schemes that anybody may read: one line, without a password."""
    try:
        parts = urlsplit(text)
        is_public = parts.password is None and parts.port != 0  # A port that is none raises ValueError.
        return parts.scheme in schemes and bool(parts.hostname) and is_public and text.isprintable() and " " not in text
    except ValueError:
        return False


def _is_link(text: str) -> bool:
    """Whether one of the other texts is an address, which pip may read as that of a repository."""
    return is_address(text, ("https", "http", "git+https", "git+http", "git+ssh", "git+git"))
