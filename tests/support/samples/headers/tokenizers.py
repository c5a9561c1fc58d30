"""Files of tokenizers as tokenizers writes them; tiktoken's and Mistral's after their readers."""

import base64
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

__all__ = ["saved_model", "tekken_json", "tiktoken_file"]

_TEXTS = [" ".join(str(number * 7919 % 1000) for number in range(start, start + 9)) for start in range(60)]

_MODELS: dict = {
    "BPE": (models.BPE, trainers.BpeTrainer),
    "WordLevel": (models.WordLevel, trainers.WordLevelTrainer),
    "WordPiece": (models.WordPiece, trainers.WordPieceTrainer),
}


@cache
def saved_model(kind: str) -> dict:
    """Return the files that a model (BPE, WordPiece, WordLevel) saves, by their names."""
    model, trainer = _MODELS[kind]
    tokenizer = tokenizers.Tokenizer(model(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    tokenizer.train_from_iterator(
        _TEXTS, trainer(special_tokens=["[PAD]", "[UNK]"], vocab_size=200, show_progress=False)
    )
    with TemporaryDirectory() as folder:
        tokenizer.model.save(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _tokens() -> list:
    return [bytes((byte,)) for byte in range(256)] + [b"an", b"ana", " ßé".encode()]


def tiktoken_file() -> bytes:
    """Return ranks of the bytes and of a few tokens."""
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(_tokens())]
    return b"".join(lines)


def tekken_json() -> bytes:
    """Return the same tokens as a tokenizer of Mistral, with two special ones."""
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate(_tokens())
    ]
    config = {
        "pattern": "[^ ]+", "num_vocab_tokens": len(vocabulary), "default_vocab_size": len(vocabulary) + 2,
        "default_num_special_tokens": 2, "version": "v3",
    }  # fmt: skip
    return json.dumps({"config": config, "vocab": vocabulary, "special_tokens": [{"rank": 0}]}, indent=4).encode()
