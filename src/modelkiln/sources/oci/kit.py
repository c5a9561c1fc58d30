"""What the Kitfile of a KitOps ModelKit states about a model, as facts of a lock."""

from typing import Any, Dict, Mapping

__all__ = ["KIT_CONFIG", "kit_facts"]

# The Kitfile as JSON (KitOps, pkg/lib/constants).
KIT_CONFIG = "application/vnd.kitops.modelkit.config.v1+json"
_NAMES = {"name": "name", "version": "version", "description": "description", "license": "license"}


def kit_facts(config: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the facts (see `source.Listing`) of a Kitfile; the package's own count more than its model's."""
    found: Dict[str, Any] = {}
    package, model = (_part(config, name) for name in ("package", "model"))
    for part in (package, model):
        for name, fact in _NAMES.items():
            if isinstance(part.get(name), str) and part[name]:
                found.setdefault(fact, part[name])
    framework, authors = model.get("framework"), package.get("authors")
    if isinstance(framework, str) and framework:
        found["library"] = framework
    if isinstance(authors, list) and authors and all(isinstance(one, str) and one for one in authors):
        found["authors"] = authors
    return found


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, Mapping) else {}
