"""The model of a package as a CycloneDX component with a `modelCard`, from the record alone.

Specification: CycloneDX 1.7, definitions/modelCard; 1.6 has the same. Metadata without a place there becomes
properties, so that nothing of it is lost.
"""

import json
from typing import Any, Iterable, Iterator, Mapping

from modelkiln.conventions import TOKENIZER_FORMATS
from modelkiln.wheels.licenses import license_expression

__all__ = ["MODEL", "model_component", "to_properties"]

MODEL = "model"

_APPROACHES = ("supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised")
# Keys of a package's metadata -> those of the card that are texts.
_PARAMETERS = {"task": "task", "family": "architectureFamily", "architecture": "modelArchitecture"}
# Keys of the metadata's `considerations` -> those of the card that are lists of texts.
_CONSIDERATIONS = {
    "users": "users",
    "use_cases": "useCases",
    "technical_limitations": "technicalLimitations",
    "performance_tradeoffs": "performanceTradeoffs",
}
_ETHICAL = "ethical_considerations"
_REFERENCES = {"url": "website", "source": "vcs", "documentation": "documentation"}


def model_component(record: Mapping[str, Any], ancestors: Iterable[str] = ()) -> dict[str, Any]:
    """Return the component of the record's model. ancestors: names of models that it was made from."""
    metadata = record["metadata"]
    made_from = [{"type": "machine-learning-model", "name": name} for name in (*_base_models(metadata), *ancestors)]
    described = {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": record["name"],
        "version": record["version"],
        "description": metadata["description"] if isinstance(metadata.get("description"), str) else "",
        "authors": [{"name": name} for name in _texts(metadata.get("authors"))],
        "licenses": _licenses(metadata.get("license")),
        "externalReferences": list(_references(metadata)),
        "pedigree": {"ancestors": made_from} if made_from else {},
        "modelCard": _card(record),
    }
    return {key: value for key, value in described.items() if value}


def to_properties(name: str, value: Any) -> list[dict[str, str]]:
    """Return a value of JSON as properties: objects by their keys, lists by their items, in order; null is none."""
    if isinstance(value, str):
        return [{"name": name, "value": value}]
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in to_properties(f"{name}:{key}", value[key])]
    if isinstance(value, (list, tuple)):
        return [one for item in value for one in to_properties(name, item)]
    return [] if value is None else [{"name": name, "value": _text(value)}]


def _card(record: Mapping[str, Any]) -> dict[str, Any]:
    metadata = record["metadata"]
    card = {
        "modelParameters": _parameters(record),
        "quantitativeAnalysis": _analysis(metadata.get("metrics")),
        "considerations": _considerations(metadata.get("considerations")),
        "properties": to_properties("modelkiln:metadata", _without_place(metadata)),
    }
    return {key: value for key, value in card.items() if value}


def _without_place(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What of the metadata has no place in the component or its card, or is not of the kind that the place takes."""
    found = {key: value for key, value in metadata.items() if not _has_place(key, value)}
    stated = _map(metadata.get("considerations"))
    others = {key: stated[key] for key in stated if key not in (*_CONSIDERATIONS, _ETHICAL)}
    return {**found, **({"considerations": others} if others else {})}


def _has_place(key: str, value: Any) -> bool:
    if key == "approach":
        return value in _APPROACHES
    if key in ("metrics", "considerations"):
        return isinstance(value, Mapping)
    if key in _REFERENCES:
        return _is_address(value)
    if key in (*_PARAMETERS, "description", "license"):
        return isinstance(value, str)
    return key in ("authors", "datasets")


def _map(value: Any) -> Mapping[str, Any]:
    """A value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not any(char.isspace() for char in value)


def _parameters(record: Mapping[str, Any]) -> dict[str, Any]:
    metadata, signature = record["metadata"], record["signature"]
    found: dict[str, Any] = {
        place: metadata[key] for key, place in _PARAMETERS.items() if isinstance(metadata.get(key), str)
    }
    stated = _architecture(record["artifacts"])
    if stated and not {"architectureFamily", "modelArchitecture"} & set(found):
        found["modelArchitecture"] = stated
    if metadata.get("approach") in _APPROACHES:
        found["approach"] = {"type": metadata["approach"]}
    found["datasets"] = list(_datasets(metadata))
    found["inputs"] = [_tensor(one) for one in signature["inputs"]]
    found["outputs"] = [_tensor(one) for one in signature["outputs"]]
    return {key: value for key, value in found.items() if value}


def _tensor(tensor: Mapping[str, Any]) -> dict[str, str]:
    """A tensor in the one field that the card has for it."""
    return {"format": f"{tensor['name']}: {tensor['datatype']} {list(tensor['shape'])}"}


def _architecture(artifacts: Iterable[Mapping[str, Any]]) -> str:
    """What the files' headers agree on, else ""."""
    # What a file of a tokenizer is made of is no architecture of the model.
    models = (file for file in artifacts if file.get("format") not in TOKENIZER_FORMATS)
    stated = {(file.get("facts") or {}).get("architecture") for file in models}
    names = [name for name in stated if isinstance(name, str) and name]
    return names[0] if len(names) == 1 else ""


def _datasets(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in (*_items(metadata.get("datasets")), *_items(_map(metadata.get("lineage")).get("datasets"))):
        stated = one if isinstance(one, Mapping) else {"name": one}
        dataset: dict[str, Any] = {"type": "dataset", "name": _text(stated.get("name", ""))}
        contents: dict[str, Any] = {"url": stated["url"]} if _is_address(stated.get("url")) else {}
        others = {key: value for key, value in stated.items() if key not in ("name", "url")}
        further = to_properties("modelkiln:dataset", others)
        contents.update({"properties": further} if further else {})
        yield {**dataset, **({"contents": contents} if contents else {})}


def _analysis(metrics: Any) -> dict[str, Any]:
    """Metrics: {name: value}, or {name: {"value", "slice"}}."""
    found, metrics = [], _map(metrics)
    for name in sorted(metrics):
        stated = metrics[name] if isinstance(metrics[name], Mapping) else {"value": metrics[name]}
        one = {"type": name, "value": _text(stated.get("value"))}
        found.append({**one, **({"slice": _text(stated["slice"])} if stated.get("slice") else {})})
    return {"performanceMetrics": found} if found else {}


def _considerations(stated: Any) -> dict[str, Any]:
    stated = _map(stated)
    found: dict[str, Any] = {place: _texts(stated[key]) for key, place in _CONSIDERATIONS.items() if stated.get(key)}
    risks = [one if isinstance(one, Mapping) else {"name": one} for one in _items(stated.get(_ETHICAL))]
    if risks:
        found["ethicalConsiderations"] = [
            {
                "name": _text(risk.get("name", "")),
                **({"mitigationStrategy": _text(risk["mitigation"])} if risk.get("mitigation") else {}),
            }
            for risk in risks
        ]
    return found


def _licenses(stated: Any) -> list[dict[str, Any]]:
    if not isinstance(stated, str) or not stated.strip():
        return []
    known = license_expression(stated)
    return [{"expression": known}] if known else [{"license": {"name": " ".join(stated.split())}}]


def _references(metadata: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for key, kind in _REFERENCES.items():
        if _is_address(metadata.get(key)):
            yield {"type": kind, "url": metadata[key]}


def _base_models(metadata: Mapping[str, Any]) -> list[str]:
    return _texts(_map(metadata.get("lineage")).get("base_model"))


def _items(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _texts(value: Any) -> list[str]:
    return [_text(one) for one in _items(value)]


def _text(value: Any) -> str:
    """A value as text: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
