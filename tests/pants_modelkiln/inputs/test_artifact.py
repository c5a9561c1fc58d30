"""What a record says of the files of a model artifact."""

import re

import pytest
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST

from modelkiln.errors import ModelkilnError
from modelkiln.pinned_file import PinnedFile
from pants_modelkiln.inputs.artifact import Artifact, merge_artifacts
from pants_modelkiln.inputs.file_format import FileFormat

_FILES = tuple(PinnedFile(path, digit * 64, 1) for path, digit in (("a.gguf", "1"), ("b.onnx", "2"), ("c", "3")))


def test_entries_have_the_format_and_what_headers_state():
    """A file that was not checked, or that nothing is known of, is unknown; without facts there is no such key."""
    found = (
        ("a.gguf", FileFormat.stated("gguf", {"architecture": "llama", "tensors": 3})),
        ("b.onnx", FileFormat.stated("onnx", {})),
    )
    artifact = Artifact(Address("m", target_name="w"), _FILES, EMPTY_DIGEST, found)
    assert hash(artifact) == hash(Artifact(Address("m", target_name="w"), _FILES, EMPTY_DIGEST, found))
    assert [
        {
            "path": "a.gguf", "sha256": "1" * 64, "size": 1, "format": "gguf",
            "facts": {"architecture": "llama", "tensors": 3},
        },
        {"path": "b.onnx", "sha256": "2" * 64, "size": 1, "format": "onnx"},
        {"path": "c", "sha256": "3" * 64, "size": 1, "format": "unknown"},
    ] == artifact.record_entries()  # fmt: skip
    assert "unknown" == FileFormat.stated("unknown", None)["format"] == FileFormat.stated("", None)["format"]


def test_files_of_an_adapter_name_its_base():
    """Those of others have no such key."""
    base, files = "sha256:" + "a" * 64, _FILES[:1]
    artifact = Artifact(Address("m", target_name="w"), files, EMPTY_DIGEST, base=base)
    assert [base] == [entry["base"] for entry in artifact.record_entries()]
    assert artifact.set_digest == Artifact(Address("m", target_name="v"), files, EMPTY_DIGEST).set_digest


@pytest.mark.parametrize(
    "path, message",
    [
        ("c", "both m:v and m:w bring the file c."),
        ("c/model.bin", "m:w brings the file c, which m:v has as a folder."),
        ("c/d/model.bin", "m:w brings the file c, which m:v has as a folder."),
    ],
)
def test_files_that_cannot_lie_in_one_folder_are_refused(path, message):
    """Whichever artifact comes first: both are named, and the path."""
    own = Artifact(Address("m", target_name="w"), _FILES, EMPTY_DIGEST)
    other = Artifact(Address("m", target_name="v"), (PinnedFile(path, "4" * 64, 1),), EMPTY_DIGEST)
    with pytest.raises(ModelkilnError, match=f"^m:p: .*{re.escape(message)}"):
        merge_artifacts(Address("m", target_name="p"), [other, own])
    beside = Artifact(Address("m", target_name="v"), (PinnedFile("cc/d", "4" * 64, 1),), EMPTY_DIGEST)
    entries = merge_artifacts(Address("m", target_name="p"), [own, beside])
    assert ["a.gguf", "b.onnx", "c", "cc/d"] == [entry["path"] for entry in entries]
