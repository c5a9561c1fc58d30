"""Records and package digests."""

import pytest

from modelkiln.package.record import labels, make_record, package_digest

INPUTS = {
    "name": "digits",
    "version": "1.2.0",
    "variant": {"accelerator": "cpu", "platform": "linux/amd64", "python": "3.11"},
    "entry_point": "models.digits.predict:predict",
    "entrypoint": [],
    "weights": "bundled",
    "weights_lock": None,
    "signature": {"inputs": [], "outputs": []},
    "artifacts": [{"path": "digits.onnx", "sha256": "0" * 64, "size": 3}],
    "code": [{"path": "models/digits/predict.py", "sha256": "1" * 64, "size": 4}],
    "requirements": [],
    "base": {"image": "registry.example.com/python@sha256:" + "2" * 64},
    "metadata": {"authors": "Ada", "license": "MIT", "metrics": {"accuracy": 0.9}},
}


@pytest.mark.parametrize("key", sorted(INPUTS))
def test_any_change_of_an_input_changes_the_package_digest(key):
    """Each input is part of the digest."""
    assert package_digest(INPUTS) != package_digest({**INPUTS, key: "changed"})


def test_the_order_of_keys_does_not_matter():
    """Equal inputs have one digest, however they were written down."""
    assert package_digest(INPUTS) == package_digest(dict(reversed(list(INPUTS.items()))))


def test_a_record_holds_its_inputs_and_their_digest():
    """The record is the inputs and the package digest."""
    record = make_record(INPUTS)
    assert INPUTS == {key: record[key] for key in INPUTS}
    assert package_digest(INPUTS) == record["package_digest"]


def test_metadata_becomes_standard_annotations():
    """Keys with a meaning in the OCI image-spec are annotations; nested metadata is not."""
    found = labels(make_record(INPUTS))
    assert "Ada" == found["org.opencontainers.image.authors"]
    assert "MIT" == found["org.opencontainers.image.licenses"]
    assert "1.2.0" == found["org.opencontainers.image.version"]
    assert not [key for key in found if "metrics" in key]


def test_a_label_names_what_the_host_provides():
    """It is there where a package has such requirements, and they are part of its digest."""
    one = {"name": "tensorrt", "specifier": "<11,>=10.3", "modules": ["tensorrt"], "reason": "License"}
    record = make_record({**INPUTS, "provided": [one]})
    assert "tensorrt<11,>=10.3" == labels(record)["modelkiln.package.provided"]
    assert "modelkiln.package.provided" not in labels(make_record(INPUTS))
    assert package_digest(INPUTS) != record["package_digest"]


def test_labels_state_what_a_variant_needs():
    """Deployment tools select by accelerator, CUDA release and driver."""
    assert "cpu" == labels(make_record(INPUTS))["modelkiln.package.accelerator"]
    assert "modelkiln.package.cuda" not in labels(make_record(INPUTS))
    variant = {**INPUTS["variant"], "accelerator": "cuda12", "cuda": "12", "driver": "525.60.13"}
    found = labels(make_record({**INPUTS, "variant": variant}))
    expected = {"accelerator": "cuda12", "cuda": "12", "driver": "525.60.13"}
    assert expected == {key: found[f"modelkiln.package.{key}"] for key in expected}
    found = labels(make_record({**INPUTS, "variant": {**INPUTS["variant"], "accelerator": "rocm7", "rocm": "7"}}))
    assert ("rocm7", "7") == (found["modelkiln.package.accelerator"], found["modelkiln.package.rocm"])
    found = labels(make_record({**INPUTS, "variant": {**INPUTS["variant"], "accelerator": "tpu", "tpu": True}}))
    assert "true" == found["modelkiln.package.tpu"]
