"""Values that releases of Pants write in different ways, made by the release at hand."""

import pytest
from pants.engine.addresses import Address
from pants.engine.target import MultipleSourcesField

from pants_modelkiln.compat.values import excludes_of


class SourcesField(MultipleSourcesField):
    alias = "source"


@pytest.mark.parametrize(("value", "excludes"), [(["*.txt"], []), (["*.txt", "!b.txt"], ["models/b.txt"])])
def test_what_a_sources_field_leaves_out(value, excludes):
    """Nothing, or the globs after `!`, below the target's folder."""
    assert excludes == list(excludes_of(SourcesField(value, Address("models")).filespec))
