"""README.md and docs/ as tests read them: pages, blocks of code with the files that they are, commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "commands", "files_of", "is_written", "missing_lines", "pages", "sessions"]


def _find_root() -> Path:
    # Under Pants this is the sandbox, which has a copy of what `//:docs` names.
    for folder in Path(__file__).resolve().parents:
        if (folder / "docs/tutorial.md").is_file():
            return folder
    raise FileNotFoundError("no folder above holds docs/tutorial.md")


ROOT = _find_root()
_BLOCK = re.compile(r"^```(\w*)\n([\s\S]*?)^```$|(?<=\n\n)((?: {4}.*\n)(?:(?: {4}.*)?\n)*)", re.MULTILINE)
_PATH = re.compile(r"`((?:[\w.-]+/)*(?:BUILD|[\w-]+\.[\w.]+))`")
_NUMBER = re.compile(r"[0-9a-f]{64}|\b[0-9a-f]{12}\b|\d+(?:\.\d+)?")
# Of a log's lines the time, and of results whether they were known.
_NOISE = re.compile(r"^\d\d:\d\d:\d\d\.\d\d \[INFO\] | \((?:memoized|cached locally)\)", re.MULTILINE)
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
    text, found, start = page.read_text("utf-8"), [], 0
    paths: list[str] = []
    for match in _BLOCK.finditer(text):
        # Two blocks in a row are the files that one paragraph names.
        before = text[start : match.start()].strip().rpartition("\n\n")[2]
        paths = _PATH.findall(before) if before else paths[1:]
        indented = match[3] is not None
        code = re.sub(r"^ {4}", "", match[3], flags=re.MULTILINE).strip() + "\n" if indented else match[2]
        found.append(Block(page, match[1] or "", code, "" if indented or not paths else paths[0]))
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


def missing_lines(shown: str, output: str) -> list[str]:
    """Return the lines that a page shows and a command did not print, in this order, but for digests, sizes and times.

    `...` stands for anything, at the end of a line or between lines.
    """
    lines = iter(_NOISE.sub("", output).splitlines())
    wanted = [line for line in shown.splitlines() if line.strip(" .")]
    return [line for line in wanted if not any(_matches(line, one) for one in lines)]


def _matches(shown: str, line: str) -> bool:
    pattern = r"(?:[0-9a-f]{64}|[0-9a-f]{12}|[\d.]+)".join(map(re.escape, _NUMBER.split(shown)))
    return re.fullmatch(pattern.replace(re.escape("..."), ".*"), line) is not None


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of all commands of Pants and Modelkiln that a page shows."""
    lines = [command for command, _ in sessions(page)]
    for one in blocks(page):
        lines += one.text.splitlines() if one.language == "" else []
    plain = [re.sub(r"\$\([^)]*\)", "x", line) for line in lines]  # What a shell puts in.
    split = [shlex.split(line, comments=True) for line in plain if line.startswith(_PROGRAMS)]
    return [words for words in split if words and words[0] in _PROGRAMS]
