"""A row of the table of releases: what a file has, and which releases of its reader refuse it or answer differently."""

from functools import cache, lru_cache
from typing import Any, Iterable, NamedTuple, Optional, Union

from modelkiln.checks.traits.trait import IMPORT, Survey, Trait

__all__ = ["DIFFERS", "REFUSES", "Row", "is_in", "matching_trait"]

REFUSES, DIFFERS = "refuses", "answers differently"


class Row(NamedTuple):
    """kind: of a trait. values: a specifier of releases or numbers (">=1.3,<1.4"), or a tuple of values, of which a
    name may end in `*`. reader: a library (PEP 503), and the specifier of its `releases` that the row is about.
    effect: REFUSES or DIFFERS, and what it `says` or does. source: how that is known. imports: names of which a
    pickle imports one, () where that does not matter. unless: a trait of files that the row is not about."""

    kind: str
    values: Union[str, tuple[str, ...]]
    reader: str
    releases: str
    effect: str
    says: str
    source: str
    imports: tuple[str, ...] = ()
    unless: Optional[Trait] = None


def matching_trait(row: Row, survey: Survey) -> Optional[Trait]:
    """Return the trait of a file that a row is about, None where the file has none such."""
    if row.unless in survey.traits:
        return None
    if row.imports and not any(Trait(IMPORT, name) in survey.traits for name in row.imports):
        return None
    found = sorted(trait for trait in survey.traits if trait.kind == row.kind and _has(row.values, trait.value))
    return found[0] if found else None


def _has(values: Union[str, Iterable[str]], value: str) -> bool:
    if isinstance(values, str):
        return is_in(value, values)
    return any(value.startswith(one[:-1]) if one.endswith("*") else value == one for one in values)


@lru_cache(maxsize=4096)
def is_in(release: str, specifier: str) -> bool:
    """Return whether a release, or a number as one, is in a PEP 440 specifier; one that is not a release is not."""
    from packaging.version import InvalidVersion

    try:
        return _specifiers(specifier).contains(release, prereleases=True)
    except InvalidVersion:
        return False


@cache
def _specifiers(text: str) -> Any:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(text)
