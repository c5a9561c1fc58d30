"""README.md and docs/ as tests read them: pages, blocks of code with the files that they are, commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "commands", "files_of", "is_written", "pages", "sessions"]


def _find_root() -> Path:
    # Under Pants this is the sandbox, which has a copy of what `//:docs` names.
    for folder in Path(__file__).resolve().parents:
        if (folder / "docs/tutorial.md").is_file():
            return folder
    raise FileNotFoundError("no folder above holds docs/tutorial.md")


ROOT = _find_root()
_BLOCK = re.compile(r"^```(\w*)\n([\s\S]*?)^```$|(?<=\n\n)((?: {4}.*\n)(?:(?: {4}.*)?\n)*)", re.MULTILINE)
_PATH = re.compile(r"`((?:[\w.-]+/)*(?:BUILD|[\w-]+\.[\w.]+))`")
_PROGRAMS = ("./pants", "pants", "modelkiln")


@dataclass(frozen=True)
class Block:
    """A block of code. language: its tag, "" for an indented one. path: the file that the paragraph before names
    first and that no block before is, or ""."""

    page: Path
    language: str
    text: str
    path: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.strip().splitlines()[0]}"


def pages() -> list[Path]:
    """Return README.md and all pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def is_written(page: Path) -> bool:
    """Whether a page is written from help texts."""
    return page.read_text("utf-8").startswith("<!-- Written by ")


def blocks(page: Path) -> list[Block]:
    """Return the blocks of code of a page, fenced and indented ones, in order."""
    text, found, named = page.read_text("utf-8"), [], ""
    start = 0
    for match in _BLOCK.finditer(text):
        # Two blocks in a row are the files that one paragraph names.
        before = text[start : match.start()].strip().rpartition("\n\n")[2]
        paths = _PATH.findall(before) if before else paths[1:]
        indented = match[3] is not None
        code = re.sub(r"^ {4}", "", match[3], flags=re.MULTILINE).strip() + "\n" if indented else match[2]
        named = paths[0] if paths else ""
        found.append(Block(page, match[1] or "", code, "" if indented else named))
        start = match.end()
    return found


def files_of(page: Path, language: tuple[str, ...] = ("json", "python", "toml", "")) -> dict[str, str]:
    """Return the files that a page has readers write, by path."""
    return {one.path: one.text for one in blocks(page) if one.path and one.language in language}


def sessions(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page's consoles, each with the output that the page shows."""
    consoles = "\n".join(one.text for one in blocks(page) if one.language == "console")
    parts = re.split(r"^\$ (.*)\n", consoles, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of all commands of Pants and Modelkiln that a page shows."""
    lines = [command for command, _ in sessions(page)]
    for one in blocks(page):
        lines += one.text.splitlines() if one.language == "" else []
    split = [shlex.split(line, comments=True) for line in lines if line.startswith(_PROGRAMS)]
    return [words for words in split if words and words[0] in _PROGRAMS]
