"""What wrote a file against what the lock reads it with: samples of real releases, and the table itself."""

import io
from functools import partial
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from modelkiln.checks.protobuf import encode_bytes, encode_varint
from modelkiln.lint.finding import ERROR, LIKELY, SURE
from modelkiln.lint.linter import lint
from modelkiln.lint.selection import Selection
from modelkiln.lint.skew.releases.table import rows_by_reader
from modelkiln.lint.subject import ArtifactFile, Distribution, Subject

SAMPLES = Path("tests/modelkiln/checks/traits/samples")
ROWS = [row for rows in rows_by_reader().values() for row in rows]


def file_of(name, format="unknown", data=None, **facts):
    """A file of an artifact: a sample, or one with some bytes."""
    if data is None:
        data = (SAMPLES / name).read_bytes()
    return ArtifactFile(name, len(data), format=format, facts=facts, open=partial(io.BytesIO, data))


def found(file, *locked, record=None):
    """What is found in a package with one file and a lock."""
    distributions = tuple(Distribution(*one.split("==")) for one in locked)
    subject = Subject("//:m", artifacts=(file,), distributions=distributions, record=record or {})
    return lint(subject, Selection(("skew",)))


def rules_of(*arguments, **more):
    """Their rules."""
    return [one.rule for one in found(*arguments, **more)]


@pytest.mark.parametrize(
    ("sample", "locked", "expected"),
    [
        ("xgboost-3.1.1.ubj", "xgboost==3.0.5", ["MK802"]),
        ("xgboost-3.1.1.json", "xgboost-cpu==2.1.4", ["MK802"]),
        ("xgboost-3.1.1.json", "xgboost==3.1.1", []),
        ("xgboost-3.0.5.ubj", "xgboost==3.2.0", []),
        ("lightgbm-4.6.0.txt", "lightgbm==3.1.1", ["MK802"]),
        ("lightgbm-4.6.0.txt", "lightgbm==3.3.5", []),
        ("sklearn-1.3.2-tree.pkl", "scikit-learn==1.2.2", ["MK801"]),
        ("sklearn-1.3.2-tree.pkl", "scikit-learn==1.3.0", []),
        ("sklearn-1.3.2-tree.pkl", "scikit-learn==1.8.0", ["MK801"]),
        ("sklearn-1.3.2-tree.pkl", "scikit-learn==1.9.0", ["MK802"]),
        ("sklearn-1.7.2-tfidf.pkl", "scikit-learn==1.4.2", ["MK801"]),
        ("sklearn-1.7.2-tfidf.pkl", "scikit-learn==1.6.1", ["MK804"]),
        ("sklearn-1.7.2-tfidf.pkl", "scikit-learn==1.7.0", []),
        ("keras-3.13.2-dense.keras", "keras==3.12.4", ["MK801"]),
        ("keras-3.13.2-dense.keras", "keras==3.13.0", []),
        ("keras-3.15.1-dense.keras", "keras==3.14.1", ["MK801"]),
        ("keras-3.12.4-dense.keras", "keras==3.11.3", ["MK804"]),
        ("keras-3.12.4-dense.keras", "keras==3.15.1", []),
    ],
)
def test_samples_of_releases(sample, locked, expected):
    """What was seen with both releases is an error, and what nobody has seen only likely."""
    assert expected == rules_of(file_of(sample), locked)


@pytest.mark.parametrize(
    ("sample", "locked", "expected"),
    [
        ("joblib-1.5.3-array.joblib", "joblib==1.1.1", ["MK801"]),
        ("joblib-1.5.3-array.joblib", "joblib==1.2.0", []),
        ("cloudpickle-3.0.0-function.pkl", "cloudpickle==2.2.1", ["MK801"]),
        ("cloudpickle-3.0.0-function.pkl", "cloudpickle==3.1.2", []),
        ("pandas-3.0.0-frame.pkl", "pandas==2.3.3", ["MK801"]),
        ("pandas-3.0.0-frame.pkl", "pandas==3.0.0", []),
        ("pandas-2.2.3-dates.pkl", "pandas==1.5.3", []),
        ("pandas-2.2.3-sparse.pkl", "pandas==2.0.3", ["MK801"]),
        ("pandas-2.2.3-sparse.pkl", "pandas==2.1.4", []),
        ("skops-0.16.0-default_dict.skops", "skops==0.10.0", ["MK801"]),
        ("skops-0.16.0-default_dict.skops", "skops==0.11.0", ["MK804"]),
        ("skops-0.16.0-default_dict.skops", "skops==0.16.0", []),
        ("torch-2.8.0-uint16.pt", "torch==2.2.2", ["MK801"]),
        ("torch-2.8.0-uint16.pt", "torch==2.5.1", []),
        ("torch-2.8.0-float8_e8m0fnu.pt", "torch==2.5.1", ["MK801"]),
        ("torch-2.8.0-float8_e8m0fnu.pt", "torch==2.8.0+cpu", []),
    ],
)
def test_pickles_of_releases(sample, locked, expected):
    """Written with the release in its name, and refused by the real one where an error is expected."""
    assert expected == rules_of(file_of(sample), locked)


@pytest.mark.parametrize(
    ("quantization", "locked", "expected"),
    [
        ("MXFP4_MOE", "gguf==0.17.1", ["MK801"]),
        ("MXFP4", "gguf==0.17.1", ["MK801"]),
        ("MXFP4_MOE", "gguf==0.18.0", []),
        ("Q4_K_M", "gguf==0.13.0", []),
        ("F16", "gguf==0.13.0", []),
    ],
)
def test_a_locked_gguf_says_its_types(quantization, locked, expected):
    """Of a file that is not at hand, the lock states how it is quantized."""
    file = ArtifactFile("model.gguf", 1, format="gguf", facts={"quantization": quantization})
    assert expected == rules_of(file, locked)


def onnx_model(ir, opset):
    """The header of a model."""
    opsets = encode_bytes(8, b"\x10" + encode_varint(opset))
    return file_of("model.onnx", "onnx", b"\x08" + encode_varint(ir) + encode_bytes(7, b"\x12\0") + opsets)


@pytest.mark.parametrize(
    ("ir", "opset", "locked", "expected"),
    [
        (14, 26, "onnxruntime==1.28.0", ["MK801"]),
        (13, 27, "onnxruntime==1.30.0", ["MK801"]),
        (13, 26, "onnxruntime==1.28.0", []),
        (10, 22, "onnxruntime-gpu==1.20.1", ["MK801"]),
        (9, 19, "onnxruntime==1.16.3", []),
        (14, 28, "onnxruntime==9.0", []),
    ],
)
def test_models_of_onnx(ir, opset, locked, expected):
    """IR version and opset against the newest that a release reads; of a release that nobody tried, nothing."""
    assert expected == rules_of(onnx_model(ir, opset), locked)


def test_a_finding_says_what_is_known():
    """The trait, the release, and what the reader says."""
    (finding,) = found(onnx_model(14, 26), "onnxruntime==1.28.0")
    assert (ERROR, SURE) == (finding.severity, finding.certainty)
    assert "onnx ir 14, and onnxruntime 1.28.0 refuses" in finding.message
    assert "max supported IR version: 13" in finding.message


def test_a_format_without_a_reader_is_an_error():
    """Unless a program of the base image may read it."""
    model = file_of("xgboost-3.0.5.ubj", "xgboost")
    assert [ERROR] == [one.severity for one in found(model, "numpy==2.4.6")]
    assert [LIKELY] == [one.certainty for one in found(model, "numpy==2.4.6", record={"entrypoint": ["serve"]})]
    assert [] == rules_of(model, "treelite==4.4.1")
    assert [] == rules_of(model, "numpy==2.4.6", record={"provided": [{"name": "xgboost"}]})


def test_a_closure_that_is_not_known_is_not_compared():
    """An artifact by itself has none."""
    assert () == lint(Subject("//:m", artifacts=(file_of("xgboost-3.1.1.ubj", "xgboost"),)), Selection(("skew",)))


def test_a_file_that_is_not_at_hand_is_known_by_its_facts():
    """As a lock of it holds them."""
    model = ArtifactFile("model.ubj", 1, format="xgboost", facts={"release": "3.1.1"})
    assert ["MK802"] == rules_of(model, "xgboost==3.0.5")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.reader}-{row.releases}-{row.kind}")
def test_a_row_is_written_as_all_are(row):
    """Specifiers that can be read, and what it says of a value."""
    SpecifierSet(row.releases)
    if isinstance(row.values, str):
        SpecifierSet(row.values)
    assert row.says.format(value="x") and row.source
