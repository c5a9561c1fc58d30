"""The files of a package as a tree of bytes: layers, wheels, folders, files."""

from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional

from modelkiln.conventions import VENV
from modelkiln.layer import Layer
from modelkiln.report.archive import iter_files
from modelkiln.report.inputs import recipe_inputs
from modelkiln.report.package import Package
from modelkiln.report.wheels import File, WheelContents

__all__ = ["Tree", "read_tree"]


@dataclass
class Tree:
    """A thing and what it consists of. size: bytes unpacked. packed: bytes in the package."""

    name: str
    size: int = 0
    packed: float = 0
    children: dict[str, "Tree"] = field(default_factory=dict)

    def add(self, path: str, size: int, packed: float) -> None:
        """Add a file below this one."""
        here = self
        here.size, here.packed = here.size + size, here.packed + packed
        for name in path.split("/"):
            here = here.children.setdefault(name, Tree(name))
            here.size, here.packed = here.size + size, here.packed + packed

    def count(self) -> int:
        """Return the number of files."""
        return sum(child.count() for child in self.children.values()) if self.children else 1

    def to_json(self, depth: int = 0) -> list[Any]:
        """Return [name, size, packed] or [name, size, packed, children], the largest first. A folder that holds one
        folder alone is one with it; layers, at depth 1, keep their names."""
        name, here = self.name, self
        while depth > 1 and len(here.children) == 1 and next(iter(here.children.values())).children:
            (here,) = here.children.values()
            name = f"{name}/{here.name}"
        found: list[Any] = [name, self.size, round(self.packed)]
        if here.children:
            ordered = sorted(here.children.values(), key=lambda child: (-child.size, child.name))
            found.append([child.to_json(depth + 1) for child in ordered])
        return found


def read_tree(
    package: Package, variant: Mapping[str, Any], environments: Mapping[str, Mapping[str, WheelContents]]
) -> Tree:
    """Return what a package consists of, as far as it is on this machine: else layers have no files.

    environments: the wheels of each, by its path in an image and by name, the package's own first.
    """
    top = Tree(str(variant.get("name")))
    if package.layers and package.kind != "pex":
        for number, layer in enumerate(package.layers):
            part = _layer(package, layer, environments.get(recipe_inputs(layer).get("venv", VENV), {}))
            top.children[f"{number} {part.name}"] = part
    else:
        _of_records(top, variant, next(iter(environments.values())))
    top.size = sum(child.size for child in top.children.values())
    top.packed = sum(child.packed for child in top.children.values())
    return top


def _of_records(top: Tree, variant: Mapping[str, Any], wheels: Mapping[str, WheelContents]) -> None:
    """A PEX or a wheel, by what its record and its wheels list."""
    for name, key in (("weights", "artifacts"), ("code", "code")):
        part = Tree(name)
        for file in variant.get(key) or ():
            part.add(file["path"], file.get("size", 0), file.get("size", 0))
        top.children[name] = part
    for wheel in wheels.values():
        top.children[f"wheel {wheel.name}"] = _wheel(wheel)


def _layer(package: Package, layer: Layer, wheels: Mapping[str, WheelContents]) -> Tree:
    title = layer.title if layer.title == layer.kind else f"{layer.kind}: {layer.title}"
    part = Tree(title)
    recipe = recipe_inputs(layer)
    names = [one["name"] for one in recipe.get("wheels") or ()]
    known = [wheels[name] for name in names if name in wheels and wheels[name].files]
    if known and len(known) == len(names):
        for wheel in known:
            part.children[wheel.name] = _wheel(wheel)
        part.children = part.children if len(known) > 1 else dict(_only(part.children).children)
    elif recipe.get("files"):
        for file in recipe["files"]:
            part.add(file["path"], file["size"], file["size"])
    elif layer.unpacked_size:
        for file in _files(package, layer):
            part.add(file.path, file.size, file.size)
    _fit(part, layer)
    return part


def _only(children: Mapping[str, Tree]) -> Tree:
    (child,) = children.values()
    return child


def _files(package: Package, layer: Layer) -> Iterable[File]:
    """The files of a layer that is here, read through."""
    blobs = package.open_blobs()
    if blobs is None or blobs.state(layer.descriptor) == "missing":
        return
    with blobs.open(layer.descriptor) as stream:
        for path, size, _ in iter_files(stream, layer.descriptor.media_type, package.label):
            yield File(path, size)


def _wheel(wheel: WheelContents) -> Tree:
    part = Tree(f"{wheel.name} {wheel.version}")
    for file in wheel.files:
        part.add(file.path, file.size, file.packed or file.size)
    if not wheel.files:
        part.size, part.packed = wheel.unpacked_size, wheel.size
    return part


def _fit(part: Tree, layer: Layer) -> None:
    """Make the packed sizes those of the layer, and its size what it unpacks to where its files are not known."""
    part.size = sum(child.size for child in part.children.values()) or layer.unpacked_size or layer.descriptor.size
    packed: Optional[float] = sum(child.packed for child in part.children.values())
    _scale(part, layer.descriptor.size / packed if packed else 1)
    part.packed = layer.descriptor.size


def _scale(tree: Tree, factor: float) -> None:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        one.packed *= factor
        waiting += one.children.values()
