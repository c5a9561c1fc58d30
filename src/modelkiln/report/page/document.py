"""An HTML document that needs nothing else, with maps of bytes in it."""

import json
from typing import Any, Optional, Sequence

from modelkiln.report.page.contents import Tree
from modelkiln.report.page.html import Html, tag
from modelkiln.report.page.script import SCRIPT
from modelkiln.report.page.style import STYLE

__all__ = ["byte_map", "document"]

# Nothing is loaded, also where a record has the address of something in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def document(title: str, navigation: Optional[Html], parts: Sequence[Any], trees: Sequence[Tree]) -> str:
    """Return the text of a page. trees: what its maps show, see `byte_map`."""
    data = json.dumps([one.to_json() for one in trees], separators=(",", ":"), ensure_ascii=False)
    # HTML, "Restrictions for contents of script elements".
    data = data.replace("<", "\\u003c")
    body = [
        tag("a", "Skip to the content", href="#content", class_="skip"),
        tag("header", tag("h1", title), navigation),
        tag("main", *parts, id="content"),
        tag("footer", tag("p", "Written by modelkiln report. It holds all that it shows, and fetches nothing.")),
        Html(f'<script type="application/json" id="data">{data}</script>'),
        Html(f"<script>{SCRIPT}</script>"),
    ]
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title),
        Html(f"<style>{STYLE}</style>"),
    ]
    return f"<!DOCTYPE html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en')}\n"


def byte_map(number: int) -> Html:
    """Return the place of the map of a tree of the document, which the script fills."""

    def choice(value: str, text: str, checked: bool) -> Html:
        box = tag("input", type="radio", name=f"size{number}", value=value, checked=checked)
        return tag("label", box, f" {text}")

    chosen = tag(
        "fieldset",
        tag("legend", "Show bytes"),
        choice("1", "unpacked", True),
        choice("2", "packed", False),
        class_="choice",
    )
    inner = [
        tag("h3", "What takes up the bytes"),
        chosen,
        tag("div", class_="path", role="status", aria_live="polite"),
        tag("div", class_="map"),
        tag("p", class_="hover", aria_hidden="true"),
        tag("div", class_="list"),
        tag("noscript", "The map needs JavaScript; the tables below do not."),
    ]
    return tag("section", *inner, class_="bytes", data_subject=number)
