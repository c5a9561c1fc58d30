"""What the config of a ModelPack artifact states about a model, as facts of a lock."""

from typing import Any, Dict, Mapping

__all__ = ["config_facts"]

# CNCF model-spec, config.md, "descriptor": its names, and what facts call the same.
_NAMES = {
    "name": "name",
    "version": "version",
    "description": "description",
    "authors": "authors",
    "family": "family",
    "vendor": "vendor",
    "sourceURL": "source_url",
    "docURL": "documentation_url",
    "revision": "revision",
}


def config_facts(config: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the facts (see `source.Listing`) in the config of a ModelPack artifact.

    Anything that is not text or a list of texts is left out: facts get into records.
    """
    descriptor = config.get("descriptor")
    descriptor = descriptor if isinstance(descriptor, Mapping) else {}
    facts = {fact: descriptor[name] for name, fact in _NAMES.items() if _is_text(descriptor.get(name))}
    licenses = descriptor.get("licenses")
    if licenses and _is_text(licenses):
        # SPDX's way to say that all of several licenses hold (SPDX specification 3.0, annex B).
        facts["license"] = " AND ".join([licenses] if isinstance(licenses, str) else licenses)
    return facts


def _is_text(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str) and one for one in value)
    return isinstance(value, str) and bool(value)
