"""Tables for people: drawn by rich in terminals, lines of plain text in pipes and files."""

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Optional, Sequence, Union

from modelkiln.wording import one_line, print_json, print_lines

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Column", "Part", "Table", "print_all", "print_parts", "word_table"]

# Between the columns of a drawn table.
_GAP = 3
# Columns of a terminal that a text which may be broken into lines needs.
_LEAST = 12
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


@dataclass(frozen=True)
class Column:
    """head: its title. width: characters that plain text has for it at least. is_number: set to the right. is_text:
    may be broken into several lines where the terminal is narrow."""

    head: str = ""
    width: int = 0
    is_number: bool = False
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """rows: a text for each column. lines: what plain text has in place of columns."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    lines: Optional[Sequence[str]] = None

    @property
    def heads(self) -> list[str]:
        """The titles of the columns; none where there is nothing to say."""
        heads = [column.head for column in self.columns]
        return heads if any(heads) else []

    @property
    def cells(self) -> list[list[str]]:
        """Titles and rows, with escapes for what would steer a terminal: they come out of packages."""
        return [[one_line(cell) for cell in row] for row in (self.heads, *self.rows) if row]

    def plain(self) -> Iterator[str]:
        """Yield the lines of plain text."""
        if self.lines is not None:
            yield from self.lines
            return
        widths = [max(column.width, *map(len, cells)) for column, cells in zip(self.columns, zip(*self.cells))]
        for row in self.cells:
            cells = (
                cell.rjust(width) if column.is_number else cell.ljust(width)
                for column, cell, width in zip(self.columns, row, widths)
            )
            yield "  ".join(cells).rstrip()


Part = Union[str, Table]


def word_table(listed: Iterable[tuple[str, str]], width: int) -> Table:
    """Return a table of words and values, without those that have none. width: characters to where values begin."""
    rows = [(word, value) for word, value in listed if value]
    return Table((Column(), Column(is_text=True)), rows, [f"{word:<{width}}{value}" for word, value in rows])


def print_parts(parts: Iterable[Part]) -> None:
    """Print lines and tables."""
    console = _console()
    for part in parts:
        if isinstance(part, str):
            print_lines([part])
        elif console is None or _width(part) > console.width:
            print_lines(part.plain())
        elif part.rows:
            console.print(_drawn(part))


def print_all(described: Sequence[Any], parts: Callable[[Any], Iterable[Part]], as_json: bool) -> None:
    """Print each of several things as the parts that `parts` makes of it, an empty line between two; or all as JSON."""
    if as_json:
        print_json(described)
        return
    for number, one in enumerate(described):
        print_parts([*([""] if number else []), *parts(one)])


def _console() -> "Optional[Console]":
    """What draws tables; None where nobody looks, or a terminal shows lines alone."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return None
    # A tenth of a second, which a pipe need not wait for.
    from rich.console import Console

    width = shutil.get_terminal_size().columns
    return Console(file=sys.stdout, force_terminal=True, width=width, highlight=False, markup=False, emoji=False)


def _width(table: Table) -> int:
    """How many columns of a terminal a table needs."""
    widest = [max(map(len, column)) for column in zip(*table.cells)]
    needed = (min(size, _LEAST) if column.is_text else size for column, size in zip(table.columns, widest))
    return sum(needed) + _GAP * len(table.columns)


def _drawn(table: Table) -> Any:
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(
        box=box.SIMPLE_HEAD if table.heads else None, show_header=bool(table.heads), show_edge=False, pad_edge=False
    )
    for column in table.columns:
        justify: Any = "right" if column.is_number else "left"
        head = Text(column.head, "bold")
        drawn.add_column(head, justify=justify, no_wrap=not column.is_text, overflow="fold")
    for row in table.cells[bool(table.heads) :]:
        drawn.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))  # A Text is not searched for markup.
    return drawn
