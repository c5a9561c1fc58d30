"""Collections of Pants are distinguished by their hash."""

import pytest
from pants.engine.collection import Collection
from pants.engine.fs import CreateDigest, FileContent

from pants_modelkiln.compat.calls import HAS_CALLS_BY_NAME
from pants_modelkiln.compat.collection_hash import repair_collection_hash


def test_collections_of_other_items_have_other_hashes():
    """And equal ones have equal hashes, so that the engine finds them."""
    repair_collection_hash()
    one, same, other = (CreateDigest([FileContent(name, b"x")]) for name in ("a", "a", "b"))
    assert one == same
    assert hash(one) == hash(same)
    assert hash(one) != hash(other)


@pytest.mark.skipif(HAS_CALLS_BY_NAME, reason="newer releases of Pants hash the items themselves")
def test_a_collection_of_what_has_no_hash_still_has_one():
    """Pants' own hash never looks at the items, so that rules may have come to rely on it."""
    repair_collection_hash()
    assert hash(Collection(([],))) == hash(Collection(([],)))
