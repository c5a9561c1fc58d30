"""Lines of the table of results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

__all__ = ["MB", "Row"]

MB = 10**6


@dataclass(frozen=True)
class Row:
    """One line of the table. Values are in `unit`; `limit` is what the target comes to; written:
    bytes that ours and the other wrote."""

    scenario: str
    ours: float
    other_name: str = ""
    other: Optional[float] = None
    target: str = ""
    limit: Optional[float] = None
    unit: str = "s"
    written: tuple[Optional[int], Optional[int]] = (None, None)
