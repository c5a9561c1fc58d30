"""Model files with headers, as the libraries that define the formats write them."""

import io
import itertools
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gguf
import lightgbm
import numpy
import sentencepiece
import tokenizers
import xgboost
from tokenizers import models, pre_tokenizers, trainers

__all__ = ["gguf_file", "lightgbm_model", "sentencepiece_model", "tokenizer_json", "write_gguf", "xgboost_model"]

_ROWS = numpy.random.default_rng(0).random((200, 5))
_CLASSES = (_ROWS[:, 0] * 3).astype(int)
_NAMES = list("abcde")
_TEXTS = [" ".join(str(int(value * 100)) for value in row) for row in _ROWS]


def write_gguf(
    folder: Path, *, name: str = "m.gguf", endian: Any = gguf.GGUFEndian.LITTLE, alignment: int = 32, **options: Any
) -> None:
    """Write a model of three tensors, one of them quantised; options: of GGUFWriter."""
    writer = gguf.GGUFWriter(folder / name, "llama", endianess=endian, **options)
    writer.add_custom_alignment(alignment)
    writer.add_name("Tiny")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_context_length(4096)
    writer.add_block_count(2)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "a", "bc"])
    writer.add_token_scores([0.0, -1.0, -2.0])
    writer.add_chat_template("{{ messages }}" * 100)
    writer.add_array("demo.nested", [[1, 2], [3]])
    writer.add_bool("demo.flag", True)
    writer.add_float64("demo.number", 0.5)
    writer.add_tensor("w", numpy.ones((3, 5), "float32"))
    quantised = gguf.quants.quantize(numpy.ones((2, 64), "float32"), gguf.GGMLQuantizationType.Q4_0)
    writer.add_tensor("q", quantised, raw_dtype=gguf.GGMLQuantizationType.Q4_0)
    writer.add_tensor("b", numpy.ones(7, "int16"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@cache
def gguf_file(endian: Any = gguf.GGUFEndian.LITTLE, alignment: int = 32) -> bytes:
    """Return what `write_gguf` writes."""
    with TemporaryDirectory() as folder:
        write_gguf(Path(folder), endian=endian, alignment=alignment)
        return (Path(folder) / "m.gguf").read_bytes()


@cache
def sentencepiece_model(kind: str = "unigram", **options: Any) -> bytes:
    """Return a model of some numbers. kind: as the trainer's `model_type`."""
    stream = io.BytesIO()
    settings = {"vocab_size": 80 if kind == "word" else 40, "hard_vocab_limit": False, "minloglevel": 2, **options}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_TEXTS), model_writer=stream, model_type=kind, **settings
    )
    return stream.getvalue()


@cache
def xgboost_model(format: str = "ubj", **params: Any) -> bytes:
    """Return a model of five features and three classes after four rounds. format: "json" or "ubj"."""
    data = xgboost.DMatrix(_ROWS, _CLASSES, feature_names=_NAMES)
    settings = {"objective": "multi:softprob", "num_class": 3, **params}
    settings = {key: value for key, value in settings.items() if value is not None}
    return bytes(xgboost.train(settings, data, 4).save_raw(format))


@cache
def lightgbm_model(**params: Any) -> bytes:
    """Return a model of five features and three classes after four rounds."""
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1, **params}
    data = lightgbm.Dataset(_ROWS, _CLASSES, feature_name=_NAMES)
    return lightgbm.train(settings, data, 4).model_to_string().encode()


_TOKENIZERS: dict = {
    "BPE": (models.BPE, trainers.BpeTrainer),
    "WordPiece": (models.WordPiece, trainers.WordPieceTrainer),
    "WordLevel": (models.WordLevel, trainers.WordLevelTrainer),
    "Unigram": (models.Unigram, trainers.UnigramTrainer),
}


@cache
def tokenizer_json(kind: str = "BPE", pretty: bool = True) -> bytes:
    """Return a tokenizer of some numbers. kind: the model's type."""
    model, trainer = _TOKENIZERS[kind]
    made = tokenizers.Tokenizer(model())
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    unknown = {"unk_token": "<unk>"} if kind == "Unigram" else {}
    made.train_from_iterator(
        itertools.islice(_TEXTS, 50), trainer(vocab_size=60, special_tokens=["<unk>"], show_progress=False, **unknown)
    )
    return made.to_str(pretty).encode()
