"""JSON documents that are nearly right: one value of another kind, at each place."""

from typing import Any, Iterator, Sequence

__all__ = ["OTHERS", "variations"]

# Of each kind that JSON has; a number that no machine has, and half of a surrogate pair.
OTHERS = (None, True, -1, 1 << 70, 0.5, "", "\ud800", "x", [], [[]], [{}], {}, {"x": {}})


def variations(value: Any, others: Sequence[Any] = OTHERS) -> Iterator[Any]:
    """Return a document as often as it has values, one of them replaced by each of `others`.

    Of lists the first two items are replaced, of objects fifty.
    """
    yield from others
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value[:2]))[:50]:
        for other in variations(inner, others) if isinstance(inner, (dict, list)) else others:
            changed = value.copy()
            changed[key] = other
            yield changed
