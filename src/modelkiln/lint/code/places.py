"""Findings at places of code."""

import ast
import re
from typing import Iterable, Optional

from modelkiln.lint.code.scopes import Module
from modelkiln.lint.code.values import Value
from modelkiln.lint.finding import SURE, Finding
from modelkiln.lint.rule import Rule

__all__ = ["Places", "cut", "quoted", "text_of"]

_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/\s@]*@)?([^\s?]*)(?:\?\S*)?")


class Places:
    """Makes findings with the paths and lines that the user knows."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self._by_path = {one.path: one for one in modules}

    def finding(
        self,
        rule: Rule,
        node: ast.AST,
        module: Module,
        message: str,
        certainty: str = SURE,
        remedy: Optional[str] = None,
    ) -> Finding:
        """Return a finding at a node."""
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        return self.at(rule, module, line, column, message, certainty, remedy)

    @staticmethod
    def at(
        rule: Rule,
        module: Module,
        line: int,
        column: int,
        message: str,
        certainty: str = SURE,
        remedy: Optional[str] = None,
    ) -> Finding:
        """Return a finding at a line, and a column in UTF-8 bytes from 0, as syntax trees count them."""
        text = module.line(line)
        characters = len(text.encode()[:column].decode("utf-8", "replace"))
        return rule.finding(
            module.shown, message, line=line, column=characters + 1, certainty=certainty, remedy=remedy, text=text
        )

    def of_value(
        self, rule: Rule, value: Value, used: ast.AST, module: Module, message: str, certainty: str = SURE
    ) -> Finding:
        """Return a finding where the text of a value stands, with where it is used; there is one of each text."""
        literal, owner = value.literal, self._by_path.get(value.module)
        if literal is None or owner is None or not hasattr(literal, "lineno"):
            return self.finding(rule, used, module, message, certainty)
        line = getattr(used, "lineno", 0)
        if owner is not module:
            message = f"{message} ({module.shown}, line {line})"
        elif line != literal.lineno:
            message = f"{message} (line {line})"
        return self.finding(rule, literal, owner, message, certainty)


def text_of(node: ast.AST) -> str:
    """Return an expression as code, shortened; "..." for one that is nested too deeply to be written."""
    try:
        return cut(ast.unparse(node))
    except RecursionError:
        return "..."


def cut(text: str) -> str:
    """Return a text on one line, without its end where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def quoted(text: str) -> str:
    """Return a text in quotes, and URLs in it without what may be secret: names of users and queries."""
    return repr(_URL.sub(r"\1\2", text))
