"""What an image's layers make together, for the validator: conflicts and the program that starts."""

from typing import Any, Iterator, Mapping, Optional

from modelkiln.validation.layer import LayerContents, Node

__all__ = ["Tree", "describe", "entrypoint_problems", "privilege_notes"]

_MAX_LINKS = 40  # As Linux, path_resolution(7).


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
                    f"{path}: {describe(node)} here, {describe(below)} in {self.owner[path]}; "
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


def describe(node: Node) -> str:
    """Return what a node is, for people."""
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
        yield f"config.Entrypoint: {program} is {describe(node)}, want an executable file."
    elif node.head.startswith(b"#!"):
        words = node.head.split(b"\n")[0][2:].split()
        interpreter = words[0].decode(errors="replace") if words else ""
        found = tree.resolve(interpreter)
        if found is None and not whole:
            return
        if not interpreter or found is None or found.kind != "file" or not found.mode & 0o111:
            yield f"config.Entrypoint: {program} is run by {interpreter!r}, which is not an executable of the layers."
