"""HTML that is put together from values of which nothing is trusted."""

from html import escape
from typing import Any, Iterable, Optional, Sequence

__all__ = ["Html", "code_block", "join", "section", "table", "tag"]

# https://html.spec.whatwg.org/#void-elements, as far as they are used.
_VOID = frozenset(("meta", "input", "br"))


class Html(str):
    """Text that is HTML already; any other string is escaped where it is put into some."""


def join(parts: Iterable[Any]) -> Html:
    """Return `parts` one after the other: Html as it is, other values as text, None and "" as nothing."""
    return Html("".join(one if isinstance(one, Html) else escape(str(one)) for one in parts if one not in (None, "")))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Return an element. attributes: values of names, `_` for `-` and at the end of Python's own words; True for one
    without a value, None and False for none at all."""
    written = []
    for key, value in attributes.items():
        word = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {word}")
        elif value is not None and value is not False:
            written.append(f' {word}="{escape(str(value))}"')
    inner = "" if name in _VOID else f"{join(children)}</{name}>"
    return Html(f"<{name}{''.join(written)}>{inner}")


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], numbers: Sequence[int] = ()) -> Html:
    """Return a table whose rows begin with what they are about. numbers: columns that are set to the right. Tables that
    are wider than the page are scrolled by themselves, also with a keyboard."""
    if not rows:
        return Html("")
    style = [{"class_": "number"} if number in numbers else {} for number in range(len(heads))]
    head = tag("tr", *(tag("th", text, scope="col", **style[number]) for number, text in enumerate(heads)))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, **style[number]) for number, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", inner, class_="wide", tabindex="0", role="group", aria_label=caption)


def section(title: str, *children: Any, level: int = 3) -> Optional[Html]:
    """Return a part of the page with its title, None where there is nothing in it."""
    inner = join(children)
    return tag("section", tag(f"h{level}", title), inner) if inner else None


def code_block(text: str, what: str) -> Html:
    """Return text to be copied; what: for people who cannot see where the button stands."""
    button = tag("button", "Copy", type="button", class_="copy", aria_label=f"Copy {what}")
    return tag("div", tag("pre", tag("code", text), tabindex="0", role="group", aria_label=what), button, class_="code")
