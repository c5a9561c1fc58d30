"""Addresses of a model: the key `urls` of its metadata, which a wheel has as `Project-URL`."""

from typing import Any, Mapping
from urllib.parse import urlsplit

from modelkiln.errors import ModelkilnError

__all__ = ["check_urls", "project_urls"]

# Core metadata, "Project-URL (multiple-use)": a label of at most so many characters, a comma, the address.
_MAX_LABEL = 32
# Texts of the metadata that are addresses of their own.
_LINKS = ("documentation", "source")
_FORM = '{"Issues": "https://tracker.example.com/models/fraud"}'


def check_urls(value: Any, where: str) -> None:
    """Refuse what core metadata could not hold; raises ModelkilnError. where: the target."""
    where = f"{where}: metadata: urls"
    if not isinstance(value, Mapping):
        raise ModelkilnError(f"{where} = {value!r} is not a dictionary, as in {_FORM}.")
    for label, url in value.items():
        if not isinstance(label, str) or not _is_label(label):
            raise ModelkilnError(
                f"{where}: {label!r} is not a label of up to {_MAX_LABEL} characters without a comma, as in {_FORM}."
            )
        if label.casefold() in _LINKS:
            raise ModelkilnError(f"{where}: {label!r} is a key of `metadata` itself: write it there.")
        if not isinstance(url, str) or not _is_address(url):
            raise ModelkilnError(f"{where}: {label}: {url!r} is not an address of https or http, as in {_FORM}.")


def project_urls(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the addresses in the metadata of a package's record by their labels, in order."""
    texts = ((key, " ".join(str(metadata.get(key) or "").split())) for key in _LINKS)
    links = [(key, text) for key, text in texts if text.startswith(("http", "git+"))]
    named = metadata.get("urls")
    return links + sorted(named.items() if isinstance(named, Mapping) else ())


def _is_label(text: str) -> bool:
    return 0 < len(text) <= _MAX_LABEL and text.isprintable() and text == text.strip() and "," not in text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and text.isprintable() and " " not in text
    except ValueError:
        return False
