"""Fields of targets."""

import pytest
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException
from pants.util.frozendict import FrozenDict

from pants_modelkiln.target_types.artifact import ModelArtifactFolderField, ModelArtifactSourceField
from pants_modelkiln.target_types.package import (
    ModelBaseImageField,
    ModelEnvironmentFolderField,
    ModelMetadataField,
    ModelProvidedRequirementsField,
)

ADDRESS = Address("models/m", target_name="m")


@pytest.mark.parametrize("value", ["w.onnx", ["w.onnx"]])
def test_a_source_is_a_path_or_a_list(value):
    """Both ways of writing one file mean the same."""
    assert ("w.onnx",) == ModelArtifactSourceField(value, ADDRESS).value


@pytest.mark.parametrize("value", ["/models", "../other", "a//b", "a/", ""])
def test_a_folder_of_artifacts_lies_below_theirs(value):
    """Others are refused with the target and the value."""
    assert "text/encoder" == ModelArtifactFolderField("text/encoder", ADDRESS).value
    with pytest.raises(InvalidFieldException, match=f"models/m:m: the field `folder`: '{value}' is not a path of"):
        ModelArtifactFolderField(value, ADDRESS)


def test_metadata_is_json():
    """Nested metadata is kept, in one order."""
    field = ModelMetadataField({"b": 1, "a": {"c": [1.5, None]}}, ADDRESS)
    assert '{"a": {"c": [1.5, null]}, "b": 1}' == field.value


def test_metadata_may_be_frozen():
    """As `parametrize` hands on dictionaries."""
    value = FrozenDict({"b": 1, "a": FrozenDict({"c": (1.5, None)})})
    assert '{"a": {"c": [1.5, null]}, "b": 1}' == ModelMetadataField(value, ADDRESS).value


@pytest.mark.parametrize("value", ["text", {"a": object()}, {"a": float("nan")}])
def test_metadata_that_is_no_json_object_is_refused(value):
    """The error names the target and the field."""
    with pytest.raises(InvalidFieldException, match="models/m:m"):
        ModelMetadataField(value, ADDRESS)


def test_one_address_is_a_string():
    """`base_image` takes one address and no list."""
    assert ("//b:i",) == ModelBaseImageField("//b:i", ADDRESS).value
    with pytest.raises(InvalidFieldException, match="base_image"):
        ModelBaseImageField(["//b:i"], ADDRESS)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (ModelProvidedRequirementsField, ["tensorrt"], "models/m:m.*dictionary"),
        (
            ModelProvidedRequirementsField,
            {"tensorrt": ""},
            "models/m:m: provided_requirements: 'tensorrt' has no reason",
        ),
        (ModelEnvironmentFolderField, "a/b", "models/m:m: `environment_folder` is 'a/b'; it must be the name of a"),
        (ModelMetadataField, {"requires": {"memory": 8}}, "models/m:m: metadata: requires: memory: 8 is not a size"),
        (ModelMetadataField, {"license": ["MIT"]}, r"models/m:m: metadata: license: \['MIT'\] is not a text"),
        (ModelMetadataField, {"a": [{1: 2}]}, "models/m:m: the field `metadata` has the key 1, which is not a text"),
        (ModelMetadataField, {"urls": {"Issues": "here"}}, "models/m:m: metadata: urls: Issues: 'here' is not an"),
    ],
)
def test_values_are_checked_as_build_files_are_read(field, value, message):
    """A mistake is reported by every goal, before anything is built."""
    with pytest.raises(InvalidFieldException, match=message):
        field(value, ADDRESS)
