"""Locks of Python environments: compiled by pip-tools, written with what changed in them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.build_lock import split_parts
from modelkiln.manifest.lock import logical_lines, read_lock
from modelkiln.manifest.lock_changes import changed_pins, describe_changes
from modelkiln.manifest.pip_tools import PipTools, see_wheels, seed_lock
from modelkiln.manifest.resolution import placeholders, resolve_lock
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

__all__ = ["LockCompiler"]


@dataclass(frozen=True)
class LockCompiler:
    """Compiles the locks of a resolve in the current folder.

    address: what people lock it by. upgrade: takes the newest versions instead of those that fit. extra: what sdists
    are built with besides what they say, by the name of the package.
    """

    resolve: str
    address: str
    target: Target
    store: Store
    upgrade: bool = False
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def lock(self, name: str, sources: Sequence[str], shared: Sequence[str], summary: Path) -> None:
        """Write the lock `name` of the requirements in the files `sources`, beginning with its own pins and with
        those of `shared` ones, and to `summary` what changed."""
        path = Path(name)
        before = path.read_text("utf-8") if path.is_file() else ""
        header = (
            f"# The resolve {self.resolve}, compiled from {', '.join(sources)} by: ./pants lock {self.address}\n#\n"
        )
        text = self.compiled(name, sources, before, shared)
        self._refuse_placeholders(name, text, sources)
        self.write(name, before, header + text, summary)

    def _refuse_placeholders(self, name: str, text: str, sources: Sequence[str]) -> None:
        """Refuse versions that only hold a package's name: pip takes them where no release of it fits."""
        pins = read_lock(text, name, self.target.marker_environment())
        for pin in placeholders(pins, self.target, self.store):
            raise ModelkilnError(
                f"{name}: {pin} is a placeholder without content, which stands where no release of {pin.name} fits "
                f"{self.target}. Write {pin.name}>{pin.version} into {sources[0]}, so that what does not fit is "
                "named, and lock again: a release that has wheels there, or another one of what needs it."
            )

    def compiled(self, name: str, sources: Sequence[str], before: str, shared: Sequence[str] = ()) -> str:
        """Return what pip-tools makes of `sources`, beginning with the pins of `before`. The file `name` is
        overwritten meanwhile."""
        self._seed(name, before, shared)
        self._pip_tools().lock(sources, name, self.extra)
        return Path(name).read_text("utf-8")

    def compiled_builds(self, name: str, projects: Mapping[str, str], before: str) -> str:
        """As `compiled`, of what the wheels of projects are built with: name of the package by the project's file."""
        self._seed(name, before, ())
        extra = {source: self.extra.get(package, ()) for source, package in projects.items()}
        self._pip_tools().lock_builds(list(projects), name, extra)
        return Path(name).read_text("utf-8")

    def _pip_tools(self) -> PipTools:
        return PipTools(Path("."), self.resolve, self.target, self.store, self.upgrade)

    def _seed(self, name: str, before: str, shared: Sequence[str]) -> None:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(seed_lock(before, shared, self.upgrade))

    def resolved(self, text: str, name: str) -> dict[str, Any]:
        """Return the files that serve the target, as `resolve_lock` does."""
        return resolve_lock(text, self.target, self.store, name)

    def write(self, name: str, before: str, after: str, summary: Path) -> None:
        """Write the text of a lock, and lines for people on what changed in it."""
        # What pip-tools says in comments depends on its release.
        is_same = logical_lines(before) == logical_lines(after)
        Path(name).write_text(before if is_same else after)
        old, lines = split_parts(before), []
        for part, text in split_parts(after).items() if not is_same else ():
            lines += [f"  {part}:"] * bool(part)
            lines += self._changes(old.get(part, old.get("", "")), text, name)
        summary.write_text("".join(f"{line}\n" for line in lines))

    def _changes(self, before: str, after: str, name: str) -> list[str]:
        old, new = (read_lock(text, name, self.target.marker_environment()) for text in (before, after))
        pins, platforms = changed_pins(old, new), self.target.pip_platforms()
        seen = see_wheels(pins, self.target.python, platforms, self.store, Path("."))
        sizes = {wheel: one.size for wheel, one in seen.items() if one.size is not None}
        issues = [
            f"  {pin.name} {pin.version}: packages that need its wheel will be refused: {seen[pin.name].issue} Lock "
            "another version of it."
            for pin in pins
            if pin.name in seen and seen[pin.name].issue
        ]
        return [*describe_changes(old, new, sizes), *issues]
