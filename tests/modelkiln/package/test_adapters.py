"""Adapters and the artifact that they fit."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.adapters import check_bases

BASE, OTHER, LORA = ("sha256:" + letter * 64 for letter in "abc")


def test_an_adapter_with_its_base_passes():
    """Whatever else the package has."""
    check_bases("shop:chat", {"shop:llm": (BASE, ""), "shop:lora": (LORA, BASE), "shop:more": (OTHER, "")})


@pytest.mark.parametrize(("others", "listed"), [({"shop:llm": (OTHER, "")}, f"shop:llm ({OTHER})"), ({}, "no other")])
def test_another_base_is_refused(others, listed):
    """The adapter, the set digest that it wants and those that there are."""
    with pytest.raises(ModelkilnError) as caught:
        check_bases("shop:chat", {**others, "shop:lora": (LORA, BASE)})
    assert (
        f"shop:chat: shop:lora is an adapter of the model artifact with the set digest {BASE}, and `artifacts` has "
        f"{listed}. Add that base, or"
    ) in str(caught.value)
