"""Hold the table of releases to what real releases do: see README.md."""

import argparse
import math
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from environments import Environments, Library
from libraries import LIBRARIES

from modelkiln.checks.traits.file import survey
from modelkiln.checks.traits.trait import Survey
from modelkiln.lint.skew.releases.table import rows_by_reader
from modelkiln.lint.skew.row import DIFFERS, REFUSES, is_in, matching_trait

# Sums are rounded otherwise on another processor; what a table calls another answer is larger.
_TOLERANCE = 1e-3


class Pair(NamedTuple):
    """A file that one release wrote, or "" all, and another read. happened: an effect of rows, "" where it works.
    reported: the effects of the rows that are about it."""

    file: str
    writer: str
    reader: str
    happened: str
    reported: frozenset[str]


def main() -> int:
    """Run the libraries that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = dict.fromkeys(library.name for library in LIBRARIES)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--uv", default="uv", help="the program uv")
    parser.add_argument("--work", type=Path, help="a folder for environments, which stay")
    args = parser.parse_args()
    is_wrong = False
    with tempfile.TemporaryDirectory() as temporary:
        environments = Environments(args.work or Path(temporary), args.uv)
        for library in LIBRARIES:
            if not args.libraries or library.name in args.libraries:
                is_wrong |= _report(library, list(_pairs(library, environments)))
                if args.work is None:
                    for release, _ in library.releases:
                        environments.remove(library, release)
    return int(is_wrong)


def _report(library: Library, pairs: list[Pair]) -> bool:
    """Print what is known of a library; returns whether the table reports what works."""
    failing = [pair for pair in pairs if pair.happened]
    known = [pair for pair in failing if pair.reported]
    wrong = [pair for pair in pairs if pair.reported and not pair.happened]
    other = [pair for pair in known if pair.happened not in pair.reported]
    print(
        f"{library.name}: {len(pairs)} pairs, {len(failing)} fail or differ, {len(known)} known, {len(other)} of them "
        f"as the other, {len(wrong)} wrong"
    )
    unknown = [pair for pair in failing if not pair.reported]
    for title, listed in (("not known", unknown), ("the other", other), ("wrong", wrong)):
        for pair in listed:
            print(
                f"  {title}: {pair.file} of {pair.writer or 'all'}, read with {pair.reader}: {pair.happened or 'works'}"
            )
    return bool(wrong)


def _pairs(library: Library, environments: Environments) -> Iterator[Pair]:
    releases = [release for release, _ in library.releases]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        expected: dict[str, Any] = {}
        for release in [""] if library.generated else releases:
            (folder / (release or "all")).mkdir()
            command, by = ("write", release) if release else ("write_for_all", releases[-1])
            written = environments.probe(library, by, command, folder / (release or "all"))
            expected.update({f"{release}/{name}": answer for name, answer in written.items()})
        if library.generated:
            expected = environments.probe(library, releases[-1], "read", folder)
        surveys = {name: _surveyed(folder / name) for name in expected}
        for reader in releases:
            for name, answer in environments.probe(library, reader, "read", folder).items():
                writer, _, file = name.partition("/")
                reported = _reported(library.name, reader, surveys[name])
                happened = _compare(answer, expected[name])
                if _is_refused(expected[name]):
                    # The newest release refuses it as well.
                    happened = REFUSES if _is_refused(answer) else ""
                yield Pair(file, "" if library.generated else writer, reader, happened, reported)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()


def _surveyed(path: Path) -> Survey:
    return survey(path.name, lambda: path.open("rb"), path.stat().st_size)


def _reported(reader: str, release: str, found: Survey) -> frozenset[str]:
    rows = rows_by_reader()[reader]
    return frozenset(row.effect for row in rows if matching_trait(row, found) and is_in(release, row.releases))


def _is_refused(answer: Any) -> bool:
    return isinstance(answer, dict) and "refused" in answer


def _compare(answer: Any, expected: Any) -> str:
    if _is_refused(answer):
        return REFUSES
    return "" if _is_same(answer, expected) else DIFFERS


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) or (one != one and other != other)
    return one == other


if __name__ == "__main__":
    sys.exit(main())
