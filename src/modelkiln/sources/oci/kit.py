"""What the Kitfile of a KitOps ModelKit states about a model, as facts of a lock."""

from typing import Any, Dict, Mapping

__all__ = ["KIT_CONFIG", "kit_facts"]

# The Kitfile as JSON (KitOps, pkg/lib/constants).
KIT_CONFIG = "application/vnd.kitops.modelkit.config.v1+json"
_NAMES = {"name": "name", "version": "version", "description": "description", "license": "license"}


def kit_facts(config: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the facts (see `source.Listing`) of a Kitfile; the package's own count more than its model's."""
    found: Dict[str, Any] = {}
    for part in ("package", "model"):
        stated = config.get(part)
        for name, fact in _NAMES.items() if isinstance(stated, Mapping) else ():
            if isinstance(stated.get(name), str) and stated[name]:
                found.setdefault(fact, stated[name])
    model, package = config.get("model"), config.get("package")
    framework = model.get("framework") if isinstance(model, Mapping) else None
    authors = package.get("authors") if isinstance(package, Mapping) else None
    if isinstance(framework, str) and framework:
        found["library"] = framework
    if isinstance(authors, list) and authors and all(isinstance(one, str) and one for one in authors):
        found["authors"] = authors
    return found
