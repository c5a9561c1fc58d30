"""What changed between two locks of Python environments, for people."""

from typing import Mapping, Sequence

from modelkiln.manifest.lock import Pin
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["changed_pins", "describe_changes"]


def changed_pins(before: Sequence[Pin], after: Sequence[Pin]) -> list[Pin]:
    """Return the pins of `after` whose version `before` lacks, sorted by name."""
    known = {(pin.name, pin.version) for pin in before}
    return [pin for pin in sorted(after, key=lambda pin: pin.name) if (pin.name, pin.version) not in known]


def describe_changes(before: Sequence[Pin], after: Sequence[Pin], sizes: Mapping[str, int]) -> list[str]:
    """Return a line for each package that came, went, has another version or other files.

    sizes: bytes of the new wheels by name, as far as known.
    """
    old, new = ({pin.name: pin for pin in pins} for pins in (before, after))
    lines = []
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is not None and now is not None and was.version == now.version:
            lines.append(f"  {name} {now.version}: other files ({len(was.hashes)} -> {len(now.hashes)} hashes)")
        elif now is None:
            lines.append(f"  {name} {was.version if was else ''} is gone")
        else:
            size = f", {readable_size(sizes[name])}" if name in sizes else ""
            lines.append(f"  {name} {was.version + ' -> ' if was else '(new) '}{now.version}{size}")
    total = sum(sizes.get(pin.name, 0) for pin in changed_pins(before, after))
    return [*lines, f"  {readable_size(total)} to fetch"] if total else lines
