"""The one entry point: what a file asks of its reader, as far as that shows without loading it."""

import lzma
import posixpath
import struct
import zlib
from typing import BinaryIO, Callable

from modelkiln.checks import archives, pickles, safetensors
from modelkiln.checks.content import Content
from modelkiln.checks.headers import formats, gguf, lightgbm, tokenizer, xgboost
from modelkiln.checks.headers.header import BadHeader
from modelkiln.checks.onnx import model as onnx
from modelkiln.checks.pickle_opcodes import BadPickle
from modelkiln.checks.traits.boosters import survey_lightgbm, survey_xgboost
from modelkiln.checks.traits.onnx_files import survey_onnx
from modelkiln.checks.traits.pickle_files import survey_compressed, survey_pickle
from modelkiln.checks.traits.text_files import MLMODEL, survey_mlmodel, survey_tokenizer
from modelkiln.checks.traits.trait import NOTHING, Survey, Trait
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
    if posixpath.basename(path) == MLMODEL:
        return survey_mlmodel(content)
    if archives.starts_as_zip(head):
        return survey_zip(content)
    if safetensors.looks_like(head[:32], content.size or 0):
        types = safetensors.tensor_types(content)
        return Survey(
            frozenset(Trait("safetensors-type", kind) for kind in types.values()), tuple(sorted(types.items()))
        )
    known = _BY_FORMAT.get(formats.find_format(path, head) or "")
    if known:
        return known(content)
    if onnx.looks_like(content):
        return survey_onnx(content)
    if archives.compression_of(content):
        return survey_compressed(content)
    return survey_pickle(content) if pickles.looks_like(content) else NOTHING


def _survey_gguf(content: Content) -> Survey:
    return Survey(frozenset(Trait("gguf-type", str(number)) for number in gguf.tensor_types(content)))


_BY_FORMAT: dict[str, Callable[[Content], Survey]] = {
    gguf.FORMAT: _survey_gguf,
    lightgbm.FORMAT: survey_lightgbm,
    tokenizer.FORMAT: survey_tokenizer,
    xgboost.FORMAT: survey_xgboost,
}
