"""Who needs whom in a package, and what would go with something that is left out."""

from collections import deque
from dataclasses import dataclass
from typing import Iterable, Iterator, Optional, Sequence

__all__ = ["Edge", "Graph", "Node"]


@dataclass(frozen=True, order=True)
class Node:
    """kind: "entry", "code", "wheel" or "debian". name: an entry point, a path or a package's name."""

    kind: str
    name: str


@dataclass(frozen=True)
class Edge:
    """`source` needs `target`. reason: for people. is_optional: an import that may fail, an extra that is not known
    to be wanted; such an edge counts where nothing else explains its target."""

    source: Node
    target: Node
    reason: str
    is_optional: bool = False


class Graph:
    """nodes, each once. roots: those that need no reason, the most important ones first; nodes that nothing leads to
    become roots as well, and are in `unexplained`."""

    def __init__(self, nodes: Iterable[Node], roots: Sequence[Node], edges: Iterable[Edge]) -> None:
        self.nodes, self.roots = list(dict.fromkeys(nodes)), list(roots)
        self._from: dict[Node, list[Edge]] = {}
        self._into: dict[Node, list[Edge]] = {}
        for edge in edges:
            if edge.source != edge.target:
                self._from.setdefault(edge.source, []).append(edge)
                self._into.setdefault(edge.target, []).append(edge)
        self.unexplained: list[Node] = []
        while True:
            lost = self._unreached(None)
            if not lost:
                break
            # Of a circle, which nothing else leads to, the first one stands for all.
            alone = [node for node in lost if node not in self._into] or lost[:1]
            self.unexplained += alone
            self.roots += alone

    def needed_by(self, node: Node) -> Iterator[Edge]:
        """Yield the edges that lead to `node`, one of each source; optional ones only where there are no others."""
        into = self._into.get(node, [])
        firm = [edge for edge in into if not edge.is_optional]
        yield from {edge.source: edge for edge in reversed(firm or into)}.values()

    def chain(self, node: Node) -> list[Edge]:
        """Return a shortest way to `node` from the first root that leads there; [] for a root."""
        came: dict[Node, Optional[Edge]] = {}
        for optional in (False, True):
            for root in self.roots:
                came.setdefault(root, None)
                waiting = deque(list(came) if optional else [root])
                while waiting and node not in came:
                    for edge in self._from.get(waiting.popleft(), ()):
                        if edge.target not in came and edge.is_optional <= optional:
                            came[edge.target] = edge
                            waiting.append(edge.target)
                if node in came:
                    return _way(came, node)
        return []

    def only_through(self, node: Node) -> list[Node]:
        """Return what nothing would lead to without `node`, and `node` itself first."""
        return [node, *self._unreached(node)]

    def _unreached(self, without: Optional[Node]) -> list[Node]:
        seen = {root for root in self.roots if root != without}
        waiting = list(seen)
        while waiting:
            for edge in self._from.get(waiting.pop(), ()):
                if edge.target not in seen and edge.target != without:
                    seen.add(edge.target)
                    waiting.append(edge.target)
        return [node for node in self.nodes if node not in seen and node != without]


def _way(came: dict[Node, Optional[Edge]], node: Node) -> list[Edge]:
    way: list[Edge] = []
    edge = came[node]
    while edge is not None:
        way.append(edge)
        edge = came[edge.source]
    return way[::-1]
