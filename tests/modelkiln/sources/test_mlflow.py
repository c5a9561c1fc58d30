"""Model artifacts from a real MLflow server, logged by MLflow itself."""

import dataclasses
import hashlib
import random
import urllib.request
from pathlib import Path

import pytest
from loopback.mlflow_server import ask, log_models, mlflow_server
from loopback.registries import cut_line

from modelkiln.errors import ModelkilnError
from modelkiln.package.signature import load_signature
from modelkiln.sources.mlflow.signature import example_request, tensors_of
from modelkiln.sources.source import open_source

CONTENT = random.Random(3).randbytes(300_000)
FILES = [
    "MLmodel", "conda.yaml", "input_example.json", "python_env.yaml", "python_model.pkl", "requirements.txt",
    "serving_input_example.json",
]  # fmt: skip


class Server:
    """A server with models. run: the run that they come from."""

    def __init__(self, address):
        self.address, self.run = address, log_models(address)

    def source(self, uri, address=None):
        """A source of this server."""
        return open_source(uri, {"MLFLOW_TRACKING_URI": address or self.address}, Path())

    def put(self, path, data):
        """Write an artifact of the run."""
        url = f"{self.address}/api/2.0/mlflow-artifacts/artifacts/1/{self.run}/artifacts/{path}"
        urllib.request.urlopen(urllib.request.Request(url, data, method="PUT")).close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that hands out artifacts by itself, as it does by default."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield Server(address)


def read(source, file, offset=0):
    """All bytes of a file from `offset` on."""
    with source.open(file, offset) as stream:
        return stream.read()


@pytest.mark.parametrize("uri", ["models:/digits/1", "models:/digits@champion", "models:/digits/latest"])
def test_a_registered_model_is_listed_and_read(server, uri):
    """Version, alias and latest lead to one version; all of its files can be read, from anywhere."""
    source = server.source(uri)
    listing = source.list()
    assert (uri, f"1+{server.run}") == (listing.uri, listing.revision)
    assert FILES == [file.path for file in listing.files]
    assert {listing.revision} == {file.version for file in listing.files}
    for file in listing.files:
        whole = read(source, file)
        assert file.size == len(whole)
        assert whole[5:] == read(server.source(uri), file, 5)


def test_facts_are_taken_over(server):
    """Signature, example, requirements, metrics, parameters, lineage and what people wrote."""
    facts = server.source("models:/digits@champion").list().facts
    x = {"name": "x", "datatype": "FP32"}
    assert {
        "inputs": [{**x, "shape": [-1, 2]}],
        "outputs": [{"name": "output", "datatype": "INT64", "shape": [-1]}],
    } == facts["signature"]
    assert {"inputs": [{**x, "shape": [1, 2], "data": [[1.0, 1.0]]}]} == facts["input_example"]
    assert "numpy==2.4.6" in facts["requirements"]
    assert facts["python"].startswith("3.")
    assert ({"accuracy": 0.97}, {"depth": "3"}) == (facts["metrics"], facts["params"])
    assert ("Apache-2.0", "reads digits") == (facts["license"], facts["description"])
    assert ("digits", "1", {"stage": "prod"}) == (facts["name"], facts["version"], facts["tags"])
    lineage = facts["lineage"]
    assert (server.run, "tests") == (lineage["run_id"], lineage["experiment"])
    assert ("c0ffee", "https://example.com/models.git") == (lineage["git_commit"], lineage["git_repository"])
    assert [("train", "training")] == [(one["name"], one["context"]) for one in lineage["datasets"]]
    assert "s3cr3t" not in str(facts)
    assert "not_taken" not in facts


def test_columns_become_tensors(server):
    """A table's columns are tensors with one value a row, and its example is a request for them."""
    facts = server.source("models:/table/1").list().facts
    age, city = ({"name": "age", "datatype": "FP64"}, {"name": "city", "datatype": "BYTES"})
    assert [{**age, "shape": [-1]}, {**city, "shape": [-1]}] == facts["signature"]["inputs"]
    assert [
        {**age, "shape": [2], "data": [1.5, 2.0]},
        {**city, "shape": [2], "data": ["Bern", "Rom"]},
    ] == facts[
        "input_example"
    ]["inputs"]
    load_signature(str(facts["signature"]).replace("'", '"'), "facts")


def test_a_runs_artifacts_are_a_source(server):
    """A folder of a run, a model that it logged, and the logged model by its id."""
    assert ["deep/notes.json"] == [file.path for file in server.source(f"runs:/{server.run}/extra").list().files]
    of_run = server.source(f"runs:/{server.run}/model").list()
    assert FILES == [file.path for file in of_run.files]
    by_id = server.source(f"models:/{of_run.facts['lineage']['model_id']}").list()
    assert FILES == [file.path for file in by_id.files]
    assert of_run.facts["signature"] == by_id.facts["signature"]


def test_a_moved_alias_is_read_at_its_revision(server):
    """A lock of an alias stays at its version when the alias moves on."""
    uri = "models:/moving@champion"
    ask(server.address, "registered-models/create", {"name": "moving"})
    for path in ("extra", "extra/deep"):
        body = {"name": "moving", "source": f"runs:/{server.run}/{path}", "run_id": server.run}
        number = ask(server.address, "model-versions/create", body)["model_version"]["version"]
        ask(server.address, "registered-models/alias", {"name": "moving", "alias": "champion", "version": number})
        if number == "1":
            first = server.source(uri).list()
    assert ("2", "1") == (server.source(uri).list().revision[0], first.revision[0])
    (file,) = first.files
    with server.source(uri).open(file) as stream:
        assert file.size == len(stream.read())
    with pytest.raises(ModelkilnError, match="the version was made anew"):
        server.source(uri).open(dataclasses.replace(file, version="1+0123456789abcdef"))


def test_a_cut_line_is_resumed(server):
    """A file that breaks off is gone on with where it ended."""
    server.put("large/model.bin", CONTENT)
    uri = f"runs:/{server.run}/large"
    (file,) = server.source(uri).list().files
    # The run and its two models are asked for before the file.
    with cut_line(server.address.partition("//")[2], [10**6] * 3 + [100_000, 50_000]) as (address, asked):
        assert CONTENT == read(server.source(uri, f"http://{address}"), file)
    assert 6 == len(asked)


def test_a_locked_file_is_resumed_by_a_range(server):
    """Where its hash is known and compared in the end, only the rest is asked for."""
    server.put("locked/model.bin", CONTENT)
    uri = f"runs:/{server.run}/locked"
    (file,) = server.source(uri).list().files
    file = dataclasses.replace(file, sha256=hashlib.sha256(CONTENT).hexdigest())
    with cut_line(server.address.partition("//")[2], [10**6] * 3 + [100_000]) as (address, asked):
        assert CONTENT == read(server.source(uri, f"http://{address}"), file)
    assert [None, "bytes=100000-"] == asked[-2:]


def test_a_file_that_changes_while_it_is_read_is_refused(server):
    """The server's own versions mean nothing, so what was read is compared."""
    server.put("changing/model.bin", CONTENT)
    uri = f"runs:/{server.run}/changing"
    (file,) = server.source(uri).list().files
    with cut_line(server.address.partition("//")[2], [10**6] * 3 + [100_000]) as (address, _):
        stream = server.source(uri, f"http://{address}").open(file)
        stream.read(50_000)
        server.put("changing/model.bin", bytes(len(CONTENT)))
        with pytest.raises(ModelkilnError, match="other bytes"):
            stream.readall()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("models:/none/1", "not found"),
        ("models:/digits/99", "not found"),
        ("models:/digits@nobody", "alias nobody not found"),
        ("models:/none/latest", "no version"),
        ("runs:/0123456789abcdef/x", "not found"),
    ],
)
def test_what_is_not_there_is_reported(server, uri, message):
    """The server's own words are in the error."""
    with pytest.raises(ModelkilnError, match=f"(?i){message}"):
        server.source(uri).list()


@pytest.mark.parametrize(
    "uri", ["models:/digits", "models:/digits/Production", "models:digits/1", "runs:/", "models:/a/b/1"]
)
def test_other_forms_are_refused(uri):
    """Stages, which MLflow 3 has no more, and names without a version."""
    with pytest.raises(ModelkilnError, match="want models:/name/version"):
        open_source(uri, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}, Path())


@pytest.mark.parametrize("address", ["", "databricks", "sqlite:///x.db"])
def test_a_server_must_be_set(address):
    """Without an address of a server the error names the variable."""
    with pytest.raises(ModelkilnError, match="MLFLOW_TRACKING_URI is set to"):
        open_source("models:/digits/1", {"MLFLOW_TRACKING_URI": address}, Path())


def test_a_server_that_is_down_is_reported():
    """The error says what to check."""
    source = open_source("models:/digits/1", {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, Path())
    with pytest.raises(ModelkilnError, match=r"(?i)refused.*Check the network"):
        source.list()


def tensor(name, dtype="float32", shape=(-1,)):
    """A tensor spec as MLflow writes it."""
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(shape)}}


def test_names_are_given_to_tensors_without_any():
    """The only one gets the side's name, several get numbers."""
    assert ["input"] == [one["name"] for one in tensors_of([tensor(None)], "input")]
    assert ["a", "input_1"] == [one["name"] for one in tensors_of([tensor("a"), tensor(None)], "input")]


def test_arrays_are_tensors_with_more_dimensions():
    """A column of arrays has a dimension for rows and one for each level."""
    spec = {"name": "v", "type": "array", "items": {"type": "array", "items": {"type": "float"}}}
    assert [{"name": "v", "datatype": "FP32", "shape": [-1, -1, -1]}] == tensors_of([spec], "input")


@pytest.mark.parametrize("spec", [{"name": "o", "type": "object", "properties": {}}, tensor("x", "complex64"), {}])
def test_what_is_no_tensor_is_not_taken(spec):
    """Objects and unknown types have no counterpart."""
    with pytest.raises((ValueError, KeyError)):
        tensors_of([spec], "input")


@pytest.mark.parametrize(
    "example",
    [
        {"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}},
        {"dataframe_records": [{"x": 1}, {"x": 2}]},
        {"instances": [1, 2]},
        {"instances": [{"x": 1}, {"x": 2}]},
        {"inputs": [1, 2]},
        {"inputs": {"x": [1, 2]}},
    ],
)
def test_examples_in_every_form_are_requests(example):
    """MLflow's forms of one example give one request."""
    request = example_request(example, [{"name": "x", "datatype": "INT64", "shape": [-1]}])
    assert {"inputs": [{"name": "x", "datatype": "INT64", "shape": [2], "data": [1, 2]}]} == request


@pytest.mark.parametrize(
    "example", [{"inputs": {"y": [1]}}, {"inputs": {"x": [[1]]}}, {"inputs": {"x": [[1], []]}}, {}]
)
def test_examples_that_do_not_fit_are_refused(example):
    """Another name, another rank, ragged lists."""
    with pytest.raises((ValueError, KeyError)):
        example_request(example, [{"name": "x", "datatype": "INT64", "shape": [-1]}])
