"""`pants run`: a package answers on this machine."""

import json

import pytest

DIGITS = ("run", "src/models/digits:digits", "--")
REQUEST = "src/models/digits/request.json"


def labels(run):
    """Return the digits that a response names."""
    return next(output["data"] for output in run.json["outputs"] if output["name"] == "label")


def test_predict_answers_a_request_from_a_file(repository):
    """The response goes to standard output, and nothing else does; what takes long without a word is announced."""
    run = repository.pants(*DIGITS, "predict", REQUEST)
    assert "digits: a PEX installs its wheels when it is first started (" in run.log
    expected = json.loads(repository.read("src/models/digits/response.json"))
    assert expected["id"] == run.json["id"]
    assert next(one["data"] for one in expected["outputs"] if one["name"] == "label") == labels(run)


@pytest.mark.parametrize("operands", [["-"], []])
def test_predict_answers_a_request_from_standard_input(repository, operands):
    """`-`, or no file at all, stands for standard input."""
    expected = repository.pants(*DIGITS, "predict", REQUEST).out
    assert expected == repository.pants(*DIGITS, "predict", *operands, stdin=repository.read(REQUEST).encode()).out


def test_a_class_answers_too(repository):
    """A package whose entry point is a class is run like one with a function."""
    run = repository.pants("run", "src/models/diabetes:diabetes", "--", "predict", "src/models/diabetes/request.json")
    expected = json.loads(repository.read("src/models/diabetes/response.json"))
    for got, want in zip(run.json["outputs"], expected["outputs"]):
        assert want["data"] == pytest.approx(got["data"], rel=1e-9)


def test_info_prints_the_record_of_what_was_packaged(repository):
    """The record is that of dist/, but for what only dist/ knows: outputs and layers."""
    repository.pants("package", "src/models/digits:digits")
    written = repository.record("src.models.digits/digits")
    inside = repository.pants(*DIGITS, "info").json
    assert inside == {name: value for name, value in written.items() if name in inside}
    assert {"package_digest", "signature", "artifacts", "requirements", "code"} <= set(inside)


def test_verify_finds_all_files_as_recorded(repository):
    """Verification reads the model artifact, the code and every installed file."""
    assert repository.pants(*DIGITS, "verify").out.startswith(b"verified digits 1.2.0: 1 model artifact file,")


@pytest.mark.parametrize(
    ("arguments", "request_", "code", "message"),
    [
        (["predict"], b"[", 1, "standard input"),
        (["predict", "none.json"], b"", 1, "none.json: No such file or directory"),
        (["predict"], b'{"inputs": []}', 1, "images"),
        (["forecast"], b"", 2, "cannot read the arguments 'forecast'"),
    ],
    ids=["no JSON", "no file", "no input", "no such command"],
)
def test_a_refused_request_is_reported_in_code_and_message(repository, arguments, request_, code, message):
    """1 stands for a refusal and 2 for bad usage; standard output stays empty."""
    run = repository.pants(*DIGITS, *arguments, code=code, stdin=request_)
    assert b"" == run.out
    assert message in run.log
