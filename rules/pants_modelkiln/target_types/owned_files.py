"""Files that fields name next to a target's sources: the target owns them, too.

`pants list FILE`, `--changed-since` and all that takes a file for its targets ask the target's sources
field which files it matches, and no other field (until Pants 2.17 a field could say that it owns a
file). So the sources field matches here what the other fields name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterable

from pants.engine.target import AsyncFieldMixin, SourcesField, StringField, Target


class NamedFileField(StringField, AsyncFieldMixin):
    """A field with the path of a file, relative to the BUILD file, which the target owns."""

    def named_files(self, target: Target) -> tuple[str, ...]:
        """Paths in the repository of what the field names; an owner's other fields may say more."""
        return (os.path.join(self.address.spec_path, self.value),) if self.value else ()


@dataclass(frozen=True)
class _Matcher:
    """What a sources field matches, and the files that the target's other fields name."""

    sources: Any
    named: frozenset[str]

    def matches(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths that the target owns."""
        listed = list(paths)
        return [*self.sources.matches(listed), *(path for path in listed if path in self.named)]


class OwningSourcesMixin:
    """For the sources field of an OwningTarget; before Pants' own class among its bases."""

    named_by_others: frozenset[str] = frozenset()

    @property
    def filespec_matcher(self) -> Any:
        """What finds the owners of a file."""
        return _Matcher(super().filespec_matcher, self.named_by_others)  # type: ignore[misc]


class OwningTarget(Target):
    """A target that owns the files which its fields name. Its sources field is an OwningSourcesMixin."""

    def validate(self) -> None:
        """Let the sources field know what the others name; only a target has all of its fields."""
        super().validate()
        named = (
            path
            for field in self.field_values.values()
            if hasattr(field, "named_files")
            for path in field.named_files(self)
        )
        object.__setattr__(self[SourcesField], "named_by_others", frozenset(named))
