"""Files that fields of targets name lie in the repository."""

import asyncio
import re

import pytest
from pants.engine.addresses import Address

from modelkiln.errors import ModelkilnError
from pants_modelkiln.inputs.named_files import read_named_file


@pytest.mark.parametrize("name", ["/x.json", "../../../x.json", "../../..", "own/../../../../x.json"])
def test_paths_outside_of_the_repository_are_refused(name):
    """Before the engine is asked, which has no words for them: target, field, value and remedy are named."""
    named = read_named_file(Address("apps/rain", target_name="rain"), "signature", name, "Write it.")
    message = f"apps/rain:rain: the field `signature` is '{name}', a path outside of the repository."
    with pytest.raises(ModelkilnError, match=f"^{re.escape(message)}.*Write it.$"):
        asyncio.run(named)
