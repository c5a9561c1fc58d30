"""GGUF files, as `gguf` of llama.cpp writes and reads them."""

import io
import struct

import gguf
import numpy
import pytest
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from samples.headers.models import gguf_file, write_gguf

from modelkiln.checks.check import Need, Options, check_file, check_set
from modelkiln.checks.headers.gguf_types import FILE_TYPES, TENSOR_TYPES
from modelkiln.errors import ModelkilnError

OPTIONS = Options("src/demo:weights")
FACTS = {
    "architecture": "llama", "context_length": 4096, "format_version": "3", "layers": 2, "license": "apache-2.0",
    "name": "Tiny", "parameters": 3 * 5 + 2 * 64 + 7, "quantization": "Q4_0", "tensors": 3, "vocabulary": 3,
}  # fmt: skip


def _check(data, path="m.gguf"):
    return check_file(path, lambda: io.BytesIO(data), len(data), OPTIONS)


@pytest.mark.parametrize("alignment", [8, 32, 256])
@pytest.mark.parametrize("endian", list(gguf.GGUFEndian))
def test_facts(endian, alignment):
    """Both byte orders and other alignments than the default."""
    more = {"byte_order": "big"} if endian == gguf.GGUFEndian.BIG else {}
    assert {**FACTS, **more} == _check(gguf_file(endian, alignment)).facts


def test_the_tables_are_those_of_the_library():
    """Types and sizes of tensors, and names of files' types."""
    known = {int(type): (type.name, *GGML_QUANT_SIZES[type]) for type in GGMLQuantizationType}
    assert known == {number: tuple(type) for number, type in TENSOR_TYPES.items()}
    names = {int(type): type.name.partition("_")[2] for type in LlamaFileType if type != LlamaFileType.GUESSED}
    assert names == FILE_TYPES


def test_a_vocabulary_has_no_tensors(tmp_path):
    """A file that ends with its keys, unpadded."""
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "llama", endianess=gguf.GGUFEndian.LITTLE)
    writer.add_token_list(["a"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    data = (tmp_path / "v.gguf").read_bytes()
    assert {"architecture": "llama", "format_version": "3", "vocabulary": 1} == _check(data).facts
    with pytest.raises(ModelkilnError, match="64 bytes follow the last tensor"):
        _check(data + bytes(64))


def test_quantisation_is_that_of_most_values(tmp_path):
    """Where the file does not state one: files of other tools than llama.cpp's."""
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "sd1", endianess=gguf.GGUFEndian.LITTLE)
    writer.add_tensor("a", numpy.ones(3, "float32"))
    writer.add_tensor("b", numpy.ones((2, 2), "float16"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    facts = _check((tmp_path / "v.gguf").read_bytes()).facts
    assert ("sd1", "F16", 7, 2) == tuple(
        facts[key] for key in ("architecture", "quantization", "parameters", "tensors")
    )


def test_parts_of_a_model_need_each_other(tmp_path):
    """The first of several files names the others, as llama.cpp opens them; their order is a fact."""
    write_gguf(tmp_path, name="m.gguf", split_max_tensors=1)
    paths = sorted(tmp_path.iterdir())
    findings = [_check(path.read_bytes(), f"sub/{path.name}") for path in paths]
    assert ["1 of 3", "2 of 3", "3 of 3"] == [one.facts["part"] for one in findings]
    assert (Need("sub/m-00002-of-00003.gguf"), Need("sub/m-00003-of-00003.gguf")) == findings[0].needs
    assert ((), ()) == (findings[1].needs, findings[2].needs)
    check_set(findings, OPTIONS)
    with pytest.raises(ModelkilnError, match=r"00001-of-00003.gguf: needs the file 'sub/m-00003-of-00003.gguf'"):
        check_set(findings[:2], OPTIONS)
    assert () == _check(paths[0].read_bytes(), "renamed.gguf").needs


def test_types_of_other_releases_are_taken_by_their_place():
    """What llama.cpp's forks add has a size that is not known; the next tensor still has to follow it."""
    data = bytearray(gguf_file())
    name = b"\1\0\0\0\0\0\0\0q"
    at = data.index(name) + len(name) + 4 + 2 * 8
    data[at : at + 4] = struct.pack("<I", 144)
    assert "gguf" == _check(bytes(data)).format
    data[at + 4 : at + 12] = bytes(8)
    with pytest.raises(ModelkilnError, match="tensor 'q' starts at byte 0 of the data, want 64: it overlaps"):
        _check(bytes(data))


def test_the_reader_of_the_library_agrees(tmp_path):
    """Of files with a changed header, none that it cannot read is taken."""
    whole = gguf_file()
    end = whole.index(bytes(12) + b"\0\0\x80\x3f") + 16
    for at in range(4, end, 3):
        changed = bytearray(whole)
        changed[at] ^= 0x81
        (tmp_path / "m.gguf").write_bytes(changed)
        try:
            _check(bytes(changed))
        except ModelkilnError:
            continue
        try:
            gguf.GGUFReader(tmp_path / "m.gguf")
        except Exception as error:
            # A tensor's type that no release has yet is taken here.
            assert "is not a valid GGMLQuantizationType" in str(error), (at, error)
