"""Limits of sizes: modules in a folder, lines of a file and of a function. And what is public is documented."""

import ast
import posixpath
from collections import Counter
from typing import Iterable

__all__ = ["problems", "same_names"]

# A room that holds more, a file or a function that is longer, is two.
_MODULES, _FILE_LINES, _FUNCTION_LINES = 14, 350, 50
# Every backend of Pants has these.
_OF_PANTS = ("rules", "target_types")


def problems(files: Iterable[tuple[str, str]]) -> list[str]:
    """Return a sentence for each limit that Python files, as (path, text), exceed, and each undocumented function."""
    listed = list(files)
    found = []
    modules = Counter(posixpath.dirname(path) for path, _ in listed if posixpath.basename(path) != "__init__.py")
    for folder, count in sorted(modules.items()):
        if count > _MODULES:
            found.append(f"{folder}: holds {count} modules, at most {_MODULES}. Divide it into rooms.")
    for path, text in listed:
        lines = text.count("\n")
        if lines > _FILE_LINES:
            found.append(f"{path}: has {lines} lines, at most {_FILE_LINES}. Split it.")
        module = ast.parse(text, path)
        found += [
            f"{path}:{node.lineno}: {node.name} is public. Document it, with what it returns and raises."
            for node in module.body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and not node.name.startswith("_")
            and node.name not in _OF_PANTS
            and not ast.get_docstring(node)
        ]
        for node in ast.walk(module):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > _FUNCTION_LINES:
                    found.append(
                        f"{path}:{node.lineno}: {node.name} has {length} lines, at most {_FUNCTION_LINES}. Split it."
                    )
    return found


def same_names(paths: Iterable[str]) -> list[str]:
    """Return a sentence for each two test modules with one name below a folder of `tests`: pytest imports modules by
    name, and has no way to run both in one process. Pants decides by their number which ones it does run together."""
    found: list[str] = []
    first: dict[tuple[str, str], str] = {}
    for path in sorted(paths):
        key = (path.split("/")[1], posixpath.basename(path))
        other = first.setdefault(key, path)
        if other != path:
            found.append(f"{path}: has the name of {other}. Rename one; a process of pytest can run only one of them.")
    return found
