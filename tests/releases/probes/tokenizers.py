"""A tokenizer.json for each part that came with a release, and the tokens that it makes."""

import json

import tokenizers

VOCAB = ["a", "b", "ab", "abb", "\u0120", "\u2581", "<0xC3>", "<0xA9>", "<unk>"]
BPE = {
    "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
    "fuse_unk": False, "vocab": {token: number for number, token in enumerate(VOCAB)}, "merges": ["a b"],
}  # fmt: skip
UNIGRAM = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0], ["<0xC3>", -2.0], ["<0xA9>", -2.0]]}
METASPACE = {"type": "Metaspace", "replacement": "\u2581"}
WORD_PIECE = {"type": "WordPiece", "prefix": "#", "cleanup": True}
# The first is one token where merges are ignored.
TEXTS = ("abb", "abb a b a\u00e9")
CASES = {
    "plain": {},
    "byte_fallback": {"model": {**BPE, "unk_token": "<unk>", "byte_fallback": True}},
    "byte_fallback_unigram": {"model": {**UNIGRAM, "byte_fallback": True}},
    "ignore_merges": {"model": {**BPE, "ignore_merges": True}},
    "merges_as_pairs": {"model": {**BPE, "merges": [["a", "b"]]}},
    "fixed_length": {"pre_tokenizer": {"type": "FixedLength", "length": 3}},
    "metaspace_new": {"pre_tokenizer": {**METASPACE, "prepend_scheme": "always", "split": False}},
    "metaspace_both": {"pre_tokenizer": {**METASPACE, "prepend_scheme": "never", "add_prefix_space": True}},
    "metaspace_old": {"pre_tokenizer": {**METASPACE, "add_prefix_space": True}},
    "normalizer_byte_level": {"normalizer": {"type": "ByteLevel"}},
    "normalizer_prepend": {"normalizer": {"type": "Prepend", "prepend": "\u2581"}},
    "decoder_byte_fallback": {"decoder": {"type": "ByteFallback"}},
    "decoder_fuse": {"decoder": {"type": "Fuse"}},
    "decoder_replace": {"decoder": {"type": "Replace", "pattern": {"String": "a"}, "content": " "}},
    "decoder_strip": {"decoder": {"type": "Strip", "content": " ", "start": 1, "stop": 0}},
    "decoder_sequence": {"decoder": {"type": "Sequence", "decoders": [WORD_PIECE]}},
    "post_processor_sequence": {"post_processor": {"type": "Sequence", "processors": []}},
}  # fmt: skip


def write_for_all(folder):
    """Write each."""
    for name, parts in CASES.items():
        empty = dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder"))
        rest = {"padding": None, "added_tokens": [], **empty, "model": BPE, **parts}
        content = {"version": "1.0", "truncation": None, **rest}
        (folder / f"{name}.json").write_text(json.dumps(content))


def read(path):
    """The tokens of some texts."""
    tokenizer = tokenizers.Tokenizer.from_str(path.read_text())
    return [tokenizer.encode(text).tokens for text in TEXTS]
