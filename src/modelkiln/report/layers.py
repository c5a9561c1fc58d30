"""Which layers of a package are new compared with another one, and from which inputs that follows."""

from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence

from modelkiln.layer import Layer
from modelkiln.recipe import Recipe
from modelkiln.report.inputs import Change, changed, named_changes, recipe_inputs

__all__ = ["LayerChange", "layer_changes", "layer_reasons"]


@dataclass(frozen=True)
class LayerChange:
    """A layer of the new package. change: "same", "changed" or "new". before: the layer it takes the place of.
    reasons: why its bytes are others, one phrase for each input."""

    layer: Layer
    change: str
    before: Optional[Layer] = None
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; sizes in bytes, as the layer is in a registry."""
        return {
            "kind": self.layer.kind,
            "title": self.layer.title,
            "digest": self.layer.descriptor.digest,
            "size": self.layer.descriptor.size,
            "change": self.change,
            "before": self.before.descriptor.digest if self.before else None,
            "reasons": list(self.reasons),
        }


def layer_changes(before: Sequence[Layer], after: Sequence[Layer]) -> list[LayerChange]:
    """Return what became of each layer of `after`, in its order."""
    known = {layer.descriptor.digest: layer for layer in before}
    kept = {layer.descriptor.digest for layer in after}
    free = [layer for layer in before if layer.descriptor.digest not in kept]
    found = []
    for layer in after:
        if layer.descriptor.digest in known:
            found.append(LayerChange(layer, "same", known[layer.descriptor.digest]))
            continue
        old = max((one for one in free if one.kind == layer.kind), key=lambda one: _likeness(one, layer), default=None)
        if old is not None and _likeness(old, layer) > 0:
            free.remove(old)
            found.append(LayerChange(layer, "changed", old, tuple(layer_reasons(old, layer))))
        else:
            found.append(LayerChange(layer, "new", None, ("there was no such layer",)))
    return found


def _likeness(one: Layer, other: Layer) -> float:
    """How much two layers of a kind are about the same things; 0 for not at all."""
    left, right = _parts(one), _parts(other)
    if not left and not right:
        return 1 if one.kind != "wheels" or one.title == other.title else 0
    shared = len(left & right) / max(len(left | right), 1)
    return shared + (0.5 if one.title == other.title else 0) + (0.01 if one.kind == "base" else 0)


def _parts(layer: Layer) -> set[str]:
    """Names of what is in a layer: wheels, packages or files."""
    recipe = recipe_inputs(layer)
    names = [one["name"] for one in recipe.get("wheels") or ()]
    names += [one["name"] for one in (recipe.get("lock") or {}).get("packages") or ()]
    return {*names, *(one["path"] for one in recipe.get("files") or ())}


def layer_reasons(before: Layer, after: Layer) -> Iterator[str]:
    """Yield a phrase for each input in which the recipes of two layers differ.

    A layer without a recipe is made by Pants from what the record says: there, its title is all that is known.
    """
    old, new = before.recipe, after.recipe
    if old is None or new is None:
        if before.title != after.title:
            yield f"{before.title} is now {after.title}"
        else:
            yield "the record lists what changed" if after.kind == "record" else "its contents changed"
        return
    phrases = list(_differences(old, new))
    yield from phrases
    if not phrases:
        yield "the same inputs gave other bytes: the engine, its packer or its compressor is another one"


def _differences(old: Recipe, new: Recipe) -> Iterator[str]:
    for key in sorted({*old.to_json(), *new.to_json()} - {"title", "kind", "layer", "source"}):
        one, other = old.get(key), new.get(key)
        if one == other:
            continue
        if key == "wheels":
            yield from _phrases(named_changes("wheel", one or (), other or ()))
        elif key == "lock":
            yield from _lock_phrases(one or {}, other or {})
        elif key == "files":
            yield from _phrases(changed("file", _digests(one), _digests(other)))
        elif key == "bytecode":
            yield "another interpreter compiles its byte code" if one and other else f"byte code is {_on(other)}"
        else:
            yield f"{key} {one!r} is now {other!r}"


def _lock_phrases(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    yield from _phrases(named_changes("debian", one.get("packages") or (), other.get("packages") or ()))
    for key in sorted({*one, *other} - {"packages"}):
        if one.get(key) != other.get(key):
            yield f"{key} of the base's lock changed"


def _phrases(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        is_file = change.kind == "file"
        if change.before is None:
            yield f"{change.name}{'' if is_file else f' {change.after}'} is new"
        elif change.after is None:
            yield f"{change.name}{'' if is_file else f' {change.before}'} is gone"
        else:
            yield f"{change.name} changed" if is_file else f"{change.name} {change.before} is now {change.after}"


def _digests(files: Optional[Iterable[Mapping[str, Any]]]) -> dict[str, str]:
    return {file["path"]: file["sha256"] for file in files or ()}


def _on(value: Any) -> str:
    return "compiled" if value else "not compiled"
