"""A cache of files' digests by what identifies a file on this machine, so that none is read twice.

A database next to the store. It is only a cache: its callers have looked in the store
for the bytes, and a lock that it helps to write is held to its digests whenever bytes are read.
"""

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Callable, Iterable, Iterator, Optional, TypeVar

__all__ = ["FileIndex"]

_TABLES = """
create table if not exists file (stamp text primary key, sha256 text not null, size integer not null, place text);
create index if not exists file_by_sha256 on file (sha256);
create table if not exists tar (sha256 text primary key, digest text not null, start integer, size integer not null);
create index if not exists tar_by_digest on tar (digest);
create table if not exists note (key text primary key, value text not null);
"""
_BUSY_SECONDS = 30.0

_Result = TypeVar("_Result")


class FileIndex:
    """The database of the store in the folder `root`. It may be damaged, locked or read-only: then
    nothing is known and nothing is kept."""

    def __init__(self, root: Path) -> None:
        self._path = root / "seen.sqlite"
        self._waiting: Optional[list[tuple[str, list[tuple]]]] = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is kept in the block is written at its end, or by `flush`: the disk takes longer to take it
        up than what is written takes to find out. Reading does not see it before. For one thread."""
        self._waiting = []
        try:
            yield
        finally:
            self.flush()
            self._waiting = None

    def flush(self) -> None:
        """Write what was kept in a block of `together` until now."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._try(lambda database: [database.executemany(query, rows) for query, rows in waiting])

    def _keep(self, query: str, rows: Iterable[tuple]) -> None:
        listed = list(rows)
        if self._waiting is not None:
            self._waiting.append((query, listed))
        elif listed:
            self._try(lambda database: database.executemany(query, listed))

    def get_files(self, stamps: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Return stamp -> (sha256 as hex, size in bytes) of the `stamps` that are known."""

        def read(database: sqlite3.Connection) -> dict[str, tuple[str, int]]:
            found = {}
            database.execute("begin")  # Else each look would lock the file anew.
            for stamp in sorted(stamps):  # Neighbours share a page of the table.
                row = database.execute("select sha256, size from file where stamp = ?", (stamp,)).fetchone()
                if row:
                    found[stamp] = (row[0], row[1])
            return found

        return self._try(read) or {}

    def put_files(self, files: Iterable[tuple[str, str, int, str]]) -> None:
        """Keep (stamp, sha256, size, place) of files whose bytes are safe in the store.

        place: the path on this machine that they were read from, or "".
        """
        self._keep("insert or replace into file values (?, ?, ?, ?)", files)

    def places(self, sha256: str) -> list[str]:
        """Return the paths on this machine that had this content once."""
        query = "select distinct place from file where sha256 = ? and place != ''"
        rows = self._try(lambda database: database.execute(query, (sha256,)).fetchall())
        return [row[0] for row in rows or ()]

    def put_tar_members(self, rows: Iterable[tuple[str, str, int, int]]) -> None:
        """Keep (sha256, digest, start, size) of files that lie in the blob `digest`, from its byte `start` on."""
        # In order: neighbours in the table share a page.
        self._keep("insert or replace into tar values (?, ?, ?, ?)", sorted(rows))

    def get_tar_members(self, sha256s: Iterable[str]) -> dict[str, tuple[str, int, int]]:
        """Return sha256 -> (digest, start, size) of files that lie in another blob; see `put_tar_members`."""

        def read(database: sqlite3.Connection) -> dict[str, tuple[str, int, int]]:
            found = {}
            database.execute("begin")
            for sha256 in sorted(sha256s):
                row = database.execute("select digest, start, size from tar where sha256 = ?", (sha256,)).fetchone()
                if row:
                    found[sha256] = (row[0], row[1], row[2])
            return found

        return self._try(read) or {}

    def files_in(self, digest: str) -> list[str]:
        """Return the sha256 of all files that lie in the blob `digest`."""
        rows = self._try(lambda db: db.execute("select sha256 from tar where digest = ?", (digest,)).fetchall())
        return [row[0] for row in rows or ()]

    def forget_tar_members(self, digests: Iterable[str]) -> None:
        """Forget the files in blobs that are gone."""
        self._keep("delete from tar where digest = ?", [(digest,) for digest in digests])

    def get_result(self, key: str) -> Optional[str]:
        """Return what `put_results` kept."""
        query = "select value from note where key = ?"
        row = self._try(lambda database: database.execute(query, (key,)).fetchone())
        return row[0] if row else None

    def get_results(self, keys: Iterable[str]) -> dict[str, str]:
        """Return key -> text of all of `keys` that are known."""
        wanted = list(keys)

        def read(database: sqlite3.Connection) -> dict[str, str]:
            database.execute("begin")
            rows = (database.execute("select key, value from note where key = ?", (key,)).fetchone() for key in wanted)
            return dict(row for row in rows if row)

        return self._try(read) or {}

    def put_results(self, results: Iterable[tuple[str, str]]) -> None:
        """Keep texts by their keys, each of which must name all that its text depends on."""
        self._keep("insert or replace into note values (?, ?)", results)

    def _try(self, action: Callable[[sqlite3.Connection], _Result]) -> Optional[_Result]:
        for last in (False, True):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as database, database:
                    database.executescript(_TABLES)
                    return action(database)
            except sqlite3.OperationalError:
                return None  # Read-only, full, or held for too long.
            except sqlite3.DatabaseError:
                if last:
                    return None
                self._path.unlink(missing_ok=True)
            except (OSError, UnicodeEncodeError):  # A folder's name that is not UTF-8 is in a stamp.
                return None
        return None
