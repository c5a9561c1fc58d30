"""Model artifacts from an MLflow server: registered models, logged models, artifacts of runs."""

import dataclasses
import re
import urllib.parse
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Dict, Mapping, Tuple

from modelkiln.errors import ModelkilnError
from modelkiln.sources import filesystem, source
from modelkiln.sources.mlflow.client import MlflowClient, s3_options
from modelkiln.sources.mlflow.facts import facts_of
from modelkiln.sources.source import Listing, Source, SourceFile, by_path

__all__ = ["open_source"]

# `models:/name/version`, `models:/name@alias`, `models:/m-<id>` and `runs:/<id>/path`.
_MODEL = re.compile(r"models:/+(?P<name>[^/@]+)(?:/(?P<version>\d+|latest)|@(?P<alias>[^/@]+))")
_LOGGED = re.compile(r"models:/+(?P<id>m-[0-9a-f]{32})")
_RUN = re.compile(r"runs:/+(?P<run>[0-9a-zA-Z]+)(?:/(?P<path>.+))?")
# Small files of a model that describe it.
_DESCRIBED_BY = ("MLmodel", "requirements.txt", "python_env.yaml", "serving_input_example.json")
_TEXT_LIMIT = 4 << 20


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of a model in MLflow; the server is that of MLFLOW_TRACKING_URI.

    Raises ModelkilnError for a URI of another form, and where no server is set.
    """
    if not any(form.fullmatch(uri) for form in (_MODEL, _LOGGED, _RUN)):
        raise ModelkilnError(
            f"source {uri!r}: want models:/name/version, models:/name@alias, models:/name/latest, models:/m-<id> "
            "or runs:/<run>/path."
        )
    return _Mlflow(uri, env, folder)


@dataclasses.dataclass(frozen=True)
class _Model:
    """What a URI led to. revision: names it for ever. root: where its files are. version, logged,
    run: MLflow's objects, empty where there are none. is_final: whether its files stay as they are."""

    revision: str
    root: str
    version: Mapping[str, Any]
    logged: Mapping[str, Any]
    run: Mapping[str, Any]
    is_final: bool = True


class _Mlflow(Source):
    def __init__(self, uri: str, env: Mapping[str, str], folder: Path) -> None:
        self._uri, self._env, self._folder = uri, env, folder
        self._where = f"source {uri}"
        self._client = MlflowClient(env, self._where)
        self._find = lru_cache(maxsize=8)(self._find_now)

    def list(self) -> Listing:
        # An alias may have moved since it was asked for last.
        model = self._find_now()
        files = self._files(model)
        if not files:
            raise ModelkilnError(f"{self._where}: holds no files. Name a model, or a run's path that has some.")
        texts = {file.path: self._text(model, file) for file in files if file.path in _DESCRIBED_BY}
        experiment = self._experiment(model.run)
        facts = facts_of(model.version, self._registered(model), model.logged, model.run, experiment, texts)
        return Listing(self._uri, model.revision, by_path(files), facts)

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        model = self._find(file.version)
        if _is_proxied(model.root):
            return self._client.open_artifact(model.root, file.path, offset, file.size, file.sha256 is not None)
        # Behind a bucket's own client; its versions are not those of the lock.
        return self._behind(model).open(dataclasses.replace(file, version=""), offset)

    def _behind(self, model: _Model) -> Source:
        """The source of a model whose files the tracking server names but does not hand out."""
        root = model.root if model.root.endswith("/") else f"{model.root}/"
        if source.scheme_of(root) == "s3":
            return filesystem.open_bucket(root, self._env, s3_options(self._env))
        return source.open_source(root, self._env, self._folder)

    def _files(self, model: _Model) -> Tuple[SourceFile, ...]:
        version = model.revision if model.is_final else ""
        if _is_proxied(model.root):
            return tuple(SourceFile(path, size, version=version) for path, size in self._client.artifacts(model.root))
        listed = self._behind(model).list().files
        return tuple(dataclasses.replace(file, version=version) for file in listed)

    def _text(self, model: _Model, file: SourceFile) -> str:
        if (file.size or 0) > _TEXT_LIMIT:
            return ""
        if _is_proxied(model.root):
            stream: BinaryIO = self._client.open_artifact(model.root, file.path, 0, file.size, False)
        else:
            stream = self._behind(model).open(dataclasses.replace(file, version=""))
        with stream:
            return stream.read(_TEXT_LIMIT).decode("utf-8", "replace")

    def _find_now(self, revision: str = "") -> _Model:
        registered = _MODEL.fullmatch(self._uri)
        if registered:
            return self._registered_version(registered, revision)
        logged = _LOGGED.fullmatch(self._uri)
        if logged:
            model = self._logged_model(logged["id"])
            return _Model(logged["id"], _root(model), {}, model, self._run(_info(model).get("source_run_id", "")))
        match = _RUN.fullmatch(self._uri)
        assert match is not None, self._uri
        return self._of_run(match["run"], (match["path"] or "").strip("/"))

    def _registered_version(self, match: "re.Match[str]", revision: str) -> _Model:
        name, number = match["name"], revision.partition("+")[0] or match["version"]
        name = urllib.parse.unquote(name)
        if number and number != "latest":
            version = self._client.get("model-versions/get", name=name, version=number)
        elif match["alias"]:
            version = self._client.get("registered-models/alias", name=name, alias=match["alias"])
        else:
            query = {"filter": "name='{}'".format(name.replace("'", "")), "order_by": "version_number DESC"}
            found = self._client.get("model-versions/search", max_results="1", **query).get("model_versions")
            if not found:
                raise ModelkilnError(f"{self._where}: {name!r} has no version. Check the name.")
            version = {"model_version": found[0]}
        version = version.get("model_version") or {}
        number, run = str(version.get("version")), version.get("run_id") or ""
        known = f"{number}+{run}" if run else number
        if revision and revision != known:
            raise ModelkilnError(
                f"{self._where}: is now {known} (version+run), want {revision}: the version was made anew. "
                "Run `pants lock` to take it."
            )
        if version.get("status", "READY") != "READY":
            raise ModelkilnError(f"{self._where}: version {number} is {version['status']}. Try again when it is READY.")
        uri = self._client.get("model-versions/get-download-uri", name=name, version=number).get("artifact_uri") or ""
        source_uri = _LOGGED.fullmatch(version.get("source") or "")
        logged = self._logged_model(source_uri["id"]) if source_uri else {}
        return _Model(known, uri, version, logged, self._run(run))

    def _of_run(self, run_id: str, path: str) -> _Model:
        run = self._run(run_id)
        is_final = (run.get("info") or {}).get("status") in ("FINISHED", "FAILED", "KILLED")
        # MLflow 3 keeps a model that a run logs next to the run; its name is a path of the run all the same.
        for output in (run.get("outputs") or {}).get("model_outputs") or []:
            logged = self._logged_model(output.get("model_id", ""))
            if path and _info(logged).get("name") == path:
                return _Model(run_id, _root(logged), {}, logged, run, is_final)
        root = (run.get("info") or {}).get("artifact_uri") or ""
        return _Model(run_id, f"{root}/{path}" if path else root, {}, {}, run, is_final)

    def _logged_model(self, identity: str) -> Mapping[str, Any]:
        return self._client.get(f"logged-models/{urllib.parse.quote(identity, safe='')}").get("model") or {}

    def _run(self, run_id: str) -> Mapping[str, Any]:
        # A version may come from no run, or from one that was deleted for good.
        return (self._client.get("runs/get", run_id=run_id).get("run") or {}) if run_id else {}

    def _registered(self, model: _Model) -> Mapping[str, Any]:
        if not model.version:
            return {}
        return self._client.get("registered-models/get", name=model.version["name"]).get("registered_model") or {}

    def _experiment(self, run: Mapping[str, Any]) -> str:
        identity = (run.get("info") or {}).get("experiment_id")
        if not identity:
            return ""
        found: Dict[str, Any] = self._client.get("experiments/get", experiment_id=identity).get("experiment") or {}
        return found.get("name") or ""


def _info(logged: Mapping[str, Any]) -> Mapping[str, Any]:
    return logged.get("info") or {}


def _root(logged: Mapping[str, Any]) -> str:
    return _info(logged).get("artifact_uri") or ""


def _is_proxied(root: str) -> bool:
    return urllib.parse.urlsplit(root).scheme == "mlflow-artifacts"
