"""What MLflow knows of a model, in the normal form of a lock's facts (see `source.Listing`)."""

import json
import math
import urllib.parse
from typing import Any, Dict, List, Mapping

from modelkiln.sources.mlflow.signature import example_request, not_demanded, tensors_of

__all__ = ["facts_of"]

_Object = Mapping[str, Any]
# MLflow's "system tags" that say from where a run came.
_GIT = {
    "mlflow.source.git.commit": "git_commit",
    "mlflow.source.git.branch": "git_branch",
    "mlflow.source.git.repoURL": "git_repository",
    "mlflow.source.name": "source",
}


def facts_of(
    version: _Object, registered: _Object, logged: _Object, run: _Object, experiment: str, texts: Mapping[str, str]
) -> Dict[str, Any]:
    """Return the facts of a model.

    version, registered, logged, run: MLflow's objects, or empty. texts: those of the model's
    small files, by path. What cannot be said in the normal form is listed under `not_taken`.
    """
    mlmodel = _yaml(texts.get("MLmodel", ""))
    facts: Dict[str, Any] = {"not_taken": []}
    _add_signature(facts, mlmodel.get("signature"), texts.get("serving_input_example.json", ""))
    facts["requirements"] = _requirements(texts.get("requirements.txt", ""))
    python = (mlmodel.get("flavors") or {}).get("python_function") or {}
    facts["python"] = str(python.get("python_version") or _yaml(texts.get("python_env.yaml", "")).get("python") or "")
    # Those of a logged model are its own; a run may have logged several models.
    of_run, of_model = run.get("data") or {}, logged.get("data") or {}
    facts["metrics"] = _metrics(of_model.get("metrics"), of_run.get("metrics"))
    facts["params"] = _pairs(of_model.get("params") or of_run.get("params"))
    facts["tags"] = {**_own_tags(registered), **_own_tags(version)}
    metadata = mlmodel.get("metadata") or {}
    license = facts["tags"].get("license") or (metadata.get("license") if isinstance(metadata, dict) else "")
    facts["license"] = license if isinstance(license, str) else ""
    facts["description"] = version.get("description") or registered.get("description") or ""
    facts["name"] = version.get("name") or (logged.get("info") or {}).get("name") or ""
    facts["version"] = str(version.get("version") or "")
    facts["lineage"] = _lineage(version, logged, run, experiment)
    return {key: value for key, value in facts.items() if value}


def _add_signature(facts: Dict[str, Any], signature: Any, example: str) -> None:
    if not isinstance(signature, dict):
        return
    found = {}
    for side, name in (("inputs", "input"), ("outputs", "output")):
        try:
            specs = json.loads(signature.get(side) or "[]")
            found[side] = tensors_of(specs, name)
            optional = ", ".join(not_demanded(specs, name))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            facts["not_taken"].append(f"signature: {side}: {error}")
            continue
        if not found[side]:
            facts["not_taken"].append(f"signature: has no {side}, so that a signature.json has to be written")
        if optional:
            facts["not_taken"].append(f"signature: {side}: {optional}: may be absent in MLflow, and is demanded here")
    if signature.get("params"):
        facts["not_taken"].append(f"signature: params: {_param_names(signature['params'])}: are not tensors")
    if len(found) == 2 and found["inputs"] and found["outputs"]:
        facts["signature"] = found
    if example and found.get("inputs"):
        try:
            facts["input_example"] = example_request(json.loads(example), found["inputs"])
        except (ValueError, KeyError, TypeError) as error:
            facts["not_taken"].append(f"input example: {error}")


def _param_names(text: Any) -> str:
    try:
        return ", ".join(str(one["name"]) for one in json.loads(text))
    except (ValueError, KeyError, TypeError):
        return "of a form that is not known"


def _lineage(version: _Object, logged: _Object, run: _Object, experiment: str) -> Dict[str, Any]:
    info, tags = run.get("info") or {}, _pairs((run.get("data") or {}).get("tags"))
    found: Dict[str, Any] = {
        "run_id": info.get("run_id") or version.get("run_id") or "",
        "run_name": info.get("run_name") or "",
        "experiment": experiment,
        "model_id": (logged.get("info") or {}).get("model_id") or "",
        "datasets": _datasets(run),
    }
    for tag, name in _GIT.items():
        found[name] = _portable(tags.get(tag, ""))
    return {key: value for key, value in found.items() if value}


def _datasets(run: _Object) -> List[Dict[str, str]]:
    found = []
    for one in (run.get("inputs") or {}).get("dataset_inputs") or []:
        dataset, tags = one.get("dataset") or {}, _pairs(one.get("tags"))
        fields = {
            "name": dataset.get("name"),
            "digest": dataset.get("digest"),
            "context": tags.get("mlflow.data.context"),
        }
        found.append({key: str(value) for key, value in fields.items() if value})
    return sorted(found, key=lambda one: sorted(one.items()))


def _own_tags(tagged: _Object) -> Dict[str, str]:
    """The tags that people gave, without those that MLflow keeps for itself."""
    return {key: value for key, value in _pairs(tagged.get("tags")).items() if not key.startswith("mlflow.")}


def _pairs(values: Any) -> Dict[str, str]:
    return {
        str(one["key"]): str(one.get("value", "")) for one in values or [] if isinstance(one, dict) and "key" in one
    }


def _metrics(of_model: Any, of_run: Any) -> Dict[str, float]:
    """Finite metrics: JSON knows no others, and neither does a record."""
    found = _numbers(of_model or of_run)
    # A server says 0.0 for a logged model's NaN, and NaN for that of its run.
    odd = {key for key, value in _numbers(of_run).items() if not math.isfinite(value)}
    return {key: value for key, value in found.items() if math.isfinite(value) and key not in odd}


def _numbers(values: Any) -> Dict[str, float]:
    found = {}
    for one in values or []:
        try:
            found[str(one["key"])] = float(one["value"])
        except (TypeError, ValueError, KeyError):
            continue
    return found


def _requirements(text: str) -> List[str]:
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _portable(text: str) -> str:
    """`text` without the login of an address, and of a path on somebody's machine only the name."""
    if text.startswith("/"):
        return text.rstrip("/").rpartition("/")[2]
    parts = urllib.parse.urlsplit(text) if "://" in text else None
    if parts is None or "@" not in parts.netloc:
        return text
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _yaml(text: str) -> Dict[str, Any]:
    if not text:
        return {}
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}
