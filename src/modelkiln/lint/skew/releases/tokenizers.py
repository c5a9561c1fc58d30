"""tokenizer.json: parts that came with a release of `tokenizers`, which older ones refuse or pass over."""

from modelkiln.lint.skew.row import DIFFERS, REFUSES, Row

__all__ = ["ROWS"]

_KIND = "tokenizer-feature"
_SOURCE = "a tokenizer.json with the part loaded, and a text encoded, with tokenizers 0.10.3 to 0.23.1"


def _refused(features: tuple[str, ...], releases: str) -> Row:
    return Row(_KIND, features, "tokenizers", releases, REFUSES, "data did not match any variant", _SOURCE)


def _passed_over(features: tuple[str, ...], releases: str) -> Row:
    return Row(_KIND, features, "tokenizers", releases, DIFFERS, "passes over {value}, and makes other tokens", _SOURCE)


ROWS = (
    _refused(("decoder:Sequence", "post_processor:Sequence"), "<0.13"),
    _refused(
        ("decoder:ByteFallback", "decoder:Fuse", "decoder:Replace", "decoder:Strip", "normalizer:Prepend"), "<0.13.3"
    ),
    _refused(("decoder:Metaspace.prepend_scheme", "pre_tokenizer:Metaspace.prepend_scheme"), "<0.19"),
    _refused(("merges-as-pairs", "normalizer:ByteLevel"), "<0.20"),
    _refused(("pre_tokenizer:FixedLength",), "<0.21"),
    _passed_over(("byte_fallback:BPE",), "<0.13.3"),
    _passed_over(("byte_fallback:Unigram",), "<0.14"),
    _passed_over(("pre_tokenizer:Metaspace.prepend_scheme:with-add_prefix_space",), "<0.15"),
    _passed_over(("ignore_merges",), "<0.19"),
)
