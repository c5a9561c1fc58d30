"""The one entry point: what a file asks of its reader, as far as that shows without loading it."""

import lzma
import posixpath
import struct
import zlib
from dataclasses import replace
from typing import BinaryIO, Callable

from modelkiln.checks import archives, numpy_files, pickles, safetensors
from modelkiln.checks.code import files as code_files
from modelkiln.checks.code.keras import HDF5_MAGIC
from modelkiln.checks.code.transformers_files import template_entries
from modelkiln.checks.content import Content
from modelkiln.checks.headers import formats, gguf, lightgbm, xgboost
from modelkiln.checks.headers.header import BadHeader
from modelkiln.checks.headers.tokenizers import tokenizer_json
from modelkiln.checks.onnx import model as onnx
from modelkiln.checks.pickle_opcodes import BadPickle
from modelkiln.checks.traits.boosters import survey_lightgbm, survey_xgboost
from modelkiln.checks.traits.onnx_files import survey_onnx
from modelkiln.checks.traits.pickle_files import survey_compressed, survey_pickle
from modelkiln.checks.traits.text_files import MLMODEL, survey_mlmodel, survey_tokenizer
from modelkiln.checks.traits.trait import HEADERS_ONLY, NOTHING, Survey, Trait
from modelkiln.checks.traits.zip_files import survey_zip
from modelkiln.errors import ModelkilnError

__all__ = ["survey"]

_HEAD = 512
_DAMAGED = (
    BadHeader, BadPickle, EOFError, ModelkilnError, OSError, RecursionError, ValueError, lzma.LZMAError, struct.error,
    zlib.error,
)  # fmt: skip


def survey(path: str, open_seekable: Callable[[], BinaryIO], size: int) -> Survey:
    """Return what the file at `path` of an artifact states; nothing of one that is damaged, which its checks report.

    open_seekable: gives a new binary stream that can seek. size: bytes. Of a file above `HEADERS_ONLY` its headers
    are read alone, and of a pickle its opcodes without the bytes of arrays.
    """
    content = Content(path, path, open_seekable, size)
    try:
        return _survey(content, path)
    except _DAMAGED:
        return NOTHING


def _survey(content: Content, path: str) -> Survey:
    head = content.head(_HEAD)
    format, read = _format(content, path, head)
    found = read(content)
    # An HDF5 file is searched to its end.
    is_read = (content.size or 0) <= HEADERS_ONLY
    code = code_files.file_entries(content, path) if is_read or not head.startswith(HDF5_MAGIC) else frozenset()
    return replace(found, format=format, code=found.code | code)


def _format(content: Content, path: str, head: bytes) -> tuple[str, Callable[[Content], Survey]]:
    """The format that a file is meant as, and what reads it."""
    if posixpath.basename(path) == MLMODEL:
        return "", survey_mlmodel
    if archives.starts_as_zip(head):
        return "zip", survey_zip
    if safetensors.looks_like(head[:32], content.size or 0):
        return safetensors.FORMAT, _survey_safetensors
    format = formats.find_format(path, head)
    if format:
        return format, _BY_FORMAT.get(format, _survey_nothing)
    if onnx.looks_like(content):
        return onnx.FORMAT, survey_onnx
    if numpy_files.looks_like(head):
        return numpy_files.FORMAT, _survey_nothing
    compression = archives.compression_of(content)
    if compression:
        return compression.name, survey_compressed
    return (pickles.FORMAT, survey_pickle) if pickles.looks_like(content) else ("", _survey_nothing)


def _survey_nothing(content: Content) -> Survey:
    return NOTHING


def _survey_safetensors(content: Content) -> Survey:
    types = safetensors.tensor_types(content)
    return Survey(
        frozenset(Trait("safetensors-type", kind) for kind in types.values()), tensors=tuple(sorted(types.items()))
    )


def _survey_gguf(content: Content) -> Survey:
    traits = frozenset(Trait("gguf-type", str(number)) for number in gguf.tensor_types(content))
    try:
        templates = formats.check(content, content.name, gguf.FORMAT).templates
    except ModelkilnError:
        # What its check refuses behind the header does not matter here.
        templates = ()
    return Survey(traits, code=frozenset(one for name, text in templates for one in template_entries(text, name)))


_BY_FORMAT: dict[str, Callable[[Content], Survey]] = {
    gguf.FORMAT: _survey_gguf,
    lightgbm.FORMAT: survey_lightgbm,
    tokenizer_json.FORMAT: survey_tokenizer,
    xgboost.FORMAT: survey_xgboost,
}
