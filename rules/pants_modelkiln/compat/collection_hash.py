"""Hashes for Pants' collections, which some releases of Pants lack.

`pants.engine.collection.Collection` of Pants 2.17 takes its hash from `typing.Tuple`, an object
whose hash is one number: each CreateDigest, Addresses or Targets of a build has the same hash
(pantsbuild/pants#18250). The engine looks them up by hash and compares each with all before it,
which of 1,000 packages takes most of the time, and grows with the square of their number.
"""

from __future__ import annotations

from pants.engine.collection import Collection


def _hash(collection: Collection) -> int:
    try:
        return tuple.__hash__(collection)
    except TypeError:  # Something in it has no hash, which is allowed with Pants' own.
        return hash(type(collection))


def repair_collection_hash() -> None:
    """Give collections a hash of their items where Pants has one hash for all; else do nothing.

    Equal collections still have equal hashes, and nothing but speed depends on the rest.
    """
    if hash(Collection((0,))) == hash(Collection((1,))) == hash(Collection((2,))):
        Collection.__hash__ = _hash  # type: ignore[method-assign]
