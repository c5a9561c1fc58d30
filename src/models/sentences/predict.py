"""Embeddings of sentences by all-MiniLM-L6-v2, a BERT of six layers, in numpy alone."""

import json

import numpy
from safetensors.numpy import load_file

from models.sentences.word_pieces import WordPieces


class Embedder:
    """Of sentences that mean the same, embeddings point in the same direction."""

    def __init__(self, model):
        config = json.loads((model / "config.json").read_text("utf-8"))
        self._heads, self._epsilon = config["num_attention_heads"], config["layer_norm_eps"]
        self._layers = config["num_hidden_layers"]
        self._longest = json.loads((model / "sentence_bert_config.json").read_text("utf-8"))["max_seq_length"]
        self._weights = load_file(model / "model.safetensors")
        self._pieces = WordPieces((model / "vocab.txt").read_text("utf-8").splitlines())

    def predict(self, inputs):
        """Return an embedding of length 1 for each sentence."""
        rows = [self._pieces.ids(_text(sentence), self._longest) for sentence in inputs["sentence"]]
        return {"embedding": numpy.stack([self._embed(numpy.array(row)) for row in rows])}

    def _embed(self, ids):
        # One by one: sentences of several lengths need no padding then.
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        words, positions, types = (self._weights[f"embeddings.{name}.weight"] for name in names)
        hidden = self._normal("embeddings", words[ids] + positions[: len(ids)] + types[0])
        for layer in range(self._layers):
            hidden = self._layer(f"encoder.layer.{layer}", hidden)
        mean = hidden.mean(axis=0)
        return mean / numpy.linalg.norm(mean)

    def _layer(self, name, hidden):
        attention = f"{name}.attention.self"
        query, key, value = (
            self._linear(f"{attention}.{part}", hidden).reshape(len(hidden), self._heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / numpy.float32(query.shape[-1] ** 0.5)
        weights = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        seen = (weights @ value).swapaxes(0, 1).reshape(len(hidden), -1)
        output = f"{name}.attention.output"
        hidden = self._normal(output, self._linear(f"{output}.dense", seen) + hidden)
        wide = _gelu(self._linear(f"{name}.intermediate.dense", hidden))
        return self._normal(f"{name}.output", self._linear(f"{name}.output.dense", wide) + hidden)

    def _linear(self, name, values):
        return values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normal(self, name, values):
        centred = values - values.mean(axis=-1, keepdims=True)
        deviation = numpy.sqrt((centred**2).mean(axis=-1, keepdims=True) + numpy.float32(self._epsilon))
        return centred / deviation * self._weights[f"{name}.LayerNorm.weight"] + self._weights[f"{name}.LayerNorm.bias"]


def _text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _gelu(values):
    """x times the normal distribution's share below x, by Abramowitz and Stegun's 7.1.26 (error under 2e-7)."""
    scaled = numpy.abs(values) / numpy.float32(2**0.5)
    step = 1 / (1 + numpy.float32(0.3275911) * scaled)
    total = numpy.zeros_like(step)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        total = (total + numpy.float32(factor)) * step
    erf = numpy.sign(values) * (1 - total * numpy.exp(-(scaled**2)))
    return values * (1 + erf) / 2
