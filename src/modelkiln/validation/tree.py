"""What an image's layers make together, for the validator: conflicts, interpreter, record."""

import hashlib
import json
import re
from typing import Any, Iterator, Mapping, Optional

from modelkiln.validation.layer import LayerContents, Node

__all__ = [
    "RECORDS",
    "WEIGHTS",
    "Tree",
    "entrypoint_problems",
    "privilege_notes",
    "record_problems",
    "weights_problems",
]

_RECORD, _OLD_RECORD = "app/.modelkiln/record.json", "app/.modelkiln/package.json"
# Where a package has its record, and where those had it that were made before.
RECORDS = (_RECORD, _OLD_RECORD)
_MODELS, _CODE = "models/", "app/"
# Of an image that holds the files of model artifacts and nothing else.
WEIGHTS = "modelkiln.weights.digest"
_MAX_LINKS = 40  # As Linux, path_resolution(7).
# What the record in dist/ holds beyond the one inside of the package.
_OUTPUTS = ("formats", "layers", "sources", "variants")


class Tree:
    """The union of layers, lowest first. nodes: path -> Node; owner: path -> the layer's title."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.owner: dict[str, str] = {}
        self._foreign: set[str] = set()

    def add(self, title: str, contents: LayerContents, ours: bool) -> Iterator[str]:
        """Put a layer over the others; yields a sentence for each path that two of ours write."""
        for path in contents.removed:
            self._remove(path)
        for path, node in contents.nodes.items():
            below = self.nodes.get(path)
            if below is not None and not _same(below, node) and ours and path not in self._foreign:
                yield (
                    f"{path}: {_describe(node)} here, {_describe(below)} in {self.owner[path]}; "
                    "want one content for one path."
                )
            if below is not None and below.kind == "dir" != node.kind:
                self._remove(path + "/")
            self.nodes[path], self.owner[path] = node, title
            (self._foreign.discard if ours else self._foreign.add)(path)

    def _remove(self, path: str) -> None:
        prefix = path.rstrip("/") + "/"
        gone = [one for one in self.nodes if one.startswith(prefix) or one == path or prefix == "/"]
        for one in gone:
            del self.nodes[one], self.owner[one]
            self._foreign.discard(one)

    def resolve(self, path: str, folder: str = "/") -> Optional[Node]:
        """Return what `path` is when all links are followed inside the tree, or None."""
        todo = ([*folder.split("/")] if not path.startswith("/") else []) + path.split("/")
        done: list[str] = []
        links = 0
        node = Node("dir")
        while todo:
            part = todo.pop(0)
            if part == "..":
                done = done[:-1]
            if part in ("", ".", ".."):
                continue
            found = self.nodes.get("/".join([*done, part]))
            if found is None:
                return None
            if found.kind == "symlink":
                links += 1
                if links > _MAX_LINKS:
                    return None
                todo = found.link.split("/") + todo
                done = [] if found.link.startswith("/") else done
                continue
            done.append(part)
            node = found
        return node

    def files_below(self, prefix: str) -> dict[str, Node]:
        """Return what is not a directory below `prefix`, by the path that is left of it."""
        return {
            path[len(prefix) :]: node
            for path, node in self.nodes.items()
            if path.startswith(prefix) and node.kind != "dir"
        }


def privilege_notes(tree: Tree) -> Iterator[str]:
    """Yield what in the finished image lets a process gain rights or change what others run.

    Layers of ours have none of it; a base of a registry may need it, which is for its users to judge.
    """
    for path, node in sorted(tree.nodes.items()):
        found = []
        if node.kind == "file":
            found += ["setuid: it runs as its owner"] if node.mode & 0o4000 else []
            found += ["setgid: it runs as its group"] if node.mode & 0o2000 else []
            found += ["capabilities: it runs with more rights"] if node.has_capabilities else []
        elif node.kind == "other":
            found.append("a device, a pipe or a link to nothing")
        # In a sticky folder nobody removes the files of others, as in /tmp.
        if node.kind != "symlink" and node.mode & 0o002 and not (node.kind == "dir" and node.mode & 0o1000):
            found.append("anybody may write to it")
        if found:
            yield f"/{path}: has mode {node.mode:04o} in {tree.owner[path]}: {', '.join(found)}."


def _same(one: Node, other: Node) -> bool:
    if one.kind == "dir" == other.kind:
        return one.mode == other.mode
    return (one.kind, one.sha256, one.link, one.mode) == (other.kind, other.sha256, other.link, other.mode)


def _describe(node: Node) -> str:
    what = {"file": f"sha256 {node.sha256}", "symlink": f"a link to {node.link!r}", "dir": "a directory"}
    return f"{what.get(node.kind, 'a special file')} with mode {node.mode:04o}"


def entrypoint_problems(tree: Tree, settings: Mapping[str, Any], whole: bool) -> Iterator[str]:
    """Yield what keeps the program of Entrypoint or Cmd from starting (execve(2))."""
    command = [*(settings.get("Entrypoint") or ()), *(settings.get("Cmd") or ())]
    if not command:
        yield "config.Entrypoint: got no entrypoint and no cmd, want a program."
        return
    program, folder = command[0], settings.get("WorkingDir") or "/"
    if "/" in program:
        node = tree.resolve(program, folder)
    else:
        env = dict(text.partition("=")[::2] for text in settings.get("Env") or ())
        candidates = (tree.resolve(f"{place}/{program}") for place in env.get("PATH", "").split(":"))
        node = next((one for one in candidates if one is not None and one.kind == "file"), None)
    if node is None:
        if not whole:
            return
        yield f"config.Entrypoint: {program} leads to nothing in the layers, want an executable file."
    elif node.kind != "file" or not node.mode & 0o111:
        yield f"config.Entrypoint: {program} is {_describe(node)}, want an executable file."
    elif node.head.startswith(b"#!"):
        words = node.head.split(b"\n")[0][2:].split()
        interpreter = words[0].decode(errors="replace") if words else ""
        found = tree.resolve(interpreter)
        if found is None and not whole:
            return
        if not interpreter or found is None or found.kind != "file" or not found.mode & 0o111:
            yield f"config.Entrypoint: {program} is run by {interpreter!r}, which is not an executable of the layers."


def record_problems(
    tree: Tree, given: Optional[Mapping[str, Any]], labels: Mapping[str, str], whole: bool
) -> Iterator[str]:
    """Yield where the record inside the image, the given one, the labels and the files differ.

    whole: all layers were read, so that what is not in the tree is missing.
    """
    place = next((path for path in RECORDS if path in tree.nodes), _RECORD)
    node = tree.nodes.get(place)
    if node is None or node.content is None:
        if (
            whole
            and WEIGHTS not in labels
            and (given is not None or any(key.startswith("modelkiln.package.") for key in labels))
        ):
            yield f"/{place}: is missing, want the package's record."
        return
    try:
        record = json.loads(node.content)
        names = [{file["path"]: file for file in record[key]} for key in ("artifacts", "code")]
        if record.get("weights") in ("sidecar", "lazy"):
            names[0] = {}  # They are mounted or fetched when the package starts.
        yield from _digest_problems(place, record, given, labels)
    except (ValueError, KeyError, TypeError) as error:
        yield f"/{place}: is not a record: {type(error).__name__}: {error}."
        return
    for prefix, wanted in zip((_MODELS, _CODE), names):
        yield from _file_problems(tree, prefix, wanted, whole)


def weights_problems(tree: Tree, labels: Mapping[str, str], whole: bool) -> Iterator[str]:
    """Yield where the files of a weights image are not those that its label says."""
    said = labels.get(WEIGHTS)
    if said is None or not whole:
        return
    nodes = tree.files_below(_MODELS).items()
    lines = sorted(f"{node.sha256}  {path}\n" for path, node in nodes)
    actual = "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
    if actual != said:
        yield f"config.Labels: {WEIGHTS}: got {said!r}, want {actual} of the files."


def _digest_problems(
    place: str, record: Mapping[str, Any], given: Optional[Mapping[str, Any]], labels: Mapping[str, str]
) -> Iterator[str]:
    inputs = {key: value for key, value in record.items() if key != "package_digest"}
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    actual, said = "sha256:" + hashlib.sha256(text.encode()).hexdigest(), record["package_digest"]
    if said != actual:
        yield f"/{place}: package_digest: got {said}, want {actual} of what it says."
    label = labels.get("modelkiln.package.digest")
    if label is not None and label != said:
        yield f"config.Labels: modelkiln.package.digest: got {label}, want {said} of /{place}."
    if given is None:
        return
    for key in sorted({*record, *given} - set(_OUTPUTS)):
        if record.get(key) != given.get(key):
            yield f"/{place}: {key}: got {_short(record.get(key))}, want {_short(given.get(key))} of the given record."


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."


def _file_problems(tree: Tree, prefix: str, wanted: Mapping[str, Mapping[str, Any]], whole: bool) -> Iterator[str]:
    found = tree.files_below(prefix)
    for path, file in sorted(wanted.items()):
        node = found.pop(path, None)
        if node is None:
            if whole:
                yield f"/{prefix}{path}: is missing, want sha256 {file['sha256']} of the record."
        elif node.sha256 != file["sha256"]:
            yield f"/{prefix}{path}: got sha256 {node.sha256 or node.kind}, want {file['sha256']} of the record."
        elif "size" in file and node.size != file["size"]:
            yield f"/{prefix}{path}: got {node.size} bytes, want {file['size']} of the record."
    for path in sorted(found):
        if prefix + path not in RECORDS and not (prefix == _CODE and _source_of(path) in wanted):
            yield f"/{prefix}{path}: is not in the record, want only what it names."


def _source_of(path: str) -> str:
    """The path of the source that byte code at `path` was compiled from (PEP 3147), else ""."""
    match = re.fullmatch(r"(.*/|)__pycache__/([^/]+)\.cpython-\d+\.pyc", path)
    return f"{match[1]}{match[2]}.py" if match else ""
