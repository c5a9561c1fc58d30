"""A file of a model artifact that is left out, as an edit of its target in a BUILD file."""

import ast
import re
from typing import Iterator, Optional

from modelkiln.lint.edit import Edit
from modelkiln.lint.edits.text import Text
from modelkiln.sources.patterns import matches

__all__ = ["exclusion_edit", "name_in_build_file"]

_TARGET = "model_artifact"
_PLAIN = re.compile(r"[\w@+=. -]+(?:/[\w@+=. -]+)*")


def name_in_build_file(address: str) -> tuple[str, str]:
    """Return the folder and the name of the target at an address, ("", "") for one that no BUILD file writes out: one
    of several that a target generates or is parametrized to."""
    folder, colon, name = address.partition(":")
    if re.search(r"[#@]", address):
        return "", ""
    return folder.strip("/"), name if colon else folder.rpartition("/")[2]


def exclusion_edit(
    content: bytes, build_file: str, name: str, path: str, is_folder: bool, locked: bool
) -> Optional[Edit]:
    """Return the edit that leaves a file or a folder out of the `model_artifact` called `name`.

    In the field `exclude` of one with a lock, else in `source`. None where the target is not written with plain values
    and once, where the file is left out already, or its path would be read as a pattern.
    """
    text = Text.of(content)
    if text is None or not _PLAIN.fullmatch(path):
        return None
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = list(_targets(tree, name, build_file.rpartition("/")[0].rpartition("/")[2]))
    written_out = [one.value for one in tree.body if isinstance(one, ast.Expr)]
    if len(calls) != 1 or calls[0] not in written_out or any(one.arg is None for one in calls[0].keywords):
        return None
    fields = {one.arg: one.value for one in calls[0].keywords}
    if "name" in fields and not isinstance(fields["name"], ast.Constant):
        return None
    if locked:
        # Without a slash it would be a name in any folder.
        pattern = path if "/" in path else f"/{path}"
        if any(matches(path, one) for one in _texts(fields.get("exclude")) or ()):
            return None
        return _added(text, build_file, calls[0], fields.get("exclude"), pattern)
    source = fields.get("source")
    pattern = f"!{path}/**" if is_folder else f"!{path}"
    if source is None or _texts(source) in (None, [path]):
        return None
    if isinstance(source, ast.Constant):
        start, end = text.span(source)
        return Edit(build_file, start, end, f'[{text.text[start:end]}, "{pattern}"]')
    if any(one == path or one.startswith(f"{path}/") for one in _texts(source) or ()):
        return None
    return _added(text, build_file, calls[0], source, pattern)


def _targets(tree: ast.Module, name: str, default: str) -> Iterator[ast.Call]:
    """The calls that may be the target of this name: those whose name does not show are that, too."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != _TARGET:
            continue
        fields = {one.arg: one.value for one in node.keywords}
        given = fields.get("name")
        if given is None:
            may_be = default == name or None in fields
        else:
            may_be = not isinstance(given, ast.Constant) or given.value == name
        if may_be:
            yield node


def _texts(node: Optional[ast.AST]) -> Optional[list[str]]:
    """The texts of a literal, one or a list of them."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    if isinstance(node, (ast.List, ast.Tuple)):
        texts = [one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        return texts if len(texts) == len(node.elts) else None
    return None


def _added(text: Text, path: str, call: ast.Call, field: Optional[ast.AST], pattern: str) -> Optional[Edit]:
    """The edit that adds a pattern to a list of a target, or the field `exclude` with it."""
    if field is None:
        last = max(
            call.keywords, key=lambda one: (one.value.end_lineno or 0, one.value.end_col_offset or 0), default=None
        )
        if last is None or call.args:
            return None
        _, end = text.span(last.value)
        if not re.match(r"\s*[,)]", text.text[end:]):
            return None
        is_apart = last.value.end_lineno != call.end_lineno
        indent = re.match(r"[ \t]*", text.line(last.lineno))
        between = f",{text.newline}{indent[0] if indent else ''}" if is_apart else ", "
        return Edit(path, end, end, f'{between}exclude=["{pattern}"]')
    listed = _texts(field)
    if listed is None or not isinstance(field, (ast.List, ast.Tuple)) or pattern in listed:
        return None
    if not field.elts:
        start, end = text.span(field)
        return Edit(path, start, end, f'["{pattern}"]')
    _, end = text.span(field.elts[-1])
    return Edit(path, end, end, f', "{pattern}"')
