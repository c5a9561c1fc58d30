"""`python3 tests/bench`: measures Modelkiln against its floor and its peers. See README.md."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import Bench
from measure import CommandFailed
from rows import Row
from scenarios import SCENARIOS

_HEAD = ("scenario", "ours", "peer", "", "ratio", "target", "limit", "", "written MB", "by other")


def main() -> int:
    """Measure, print the table, clean up; returns 1 when a scenario could not be measured."""
    args = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that what was started is ended.
    rows: list[Row] = []
    failed = []
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="modelkiln-bench-", dir=args.folder)).resolve()
    bench = Bench(folder, args.rounds, args.cold_rounds, not args.no_peer, args.store, args.before)
    try:
        for name in args.scenarios or SCENARIOS:
            print(f"{time.monotonic() - started:.0f} s: {name}", file=sys.stderr)
            try:
                for row in SCENARIOS[name](bench, args.packages):
                    rows.append(row)
                    print("  " + "  ".join(_cells(row)), file=sys.stderr)
            except (CommandFailed, OSError, subprocess.CalledProcessError) as error:
                failed.append(f"{name}: not measured: {error}")
    finally:
        bench.close()
        if args.keep:
            print(f"bench: kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    print(_table([_HEAD, *map(_cells, rows)]))
    if bench.no_peer:
        print(f"\nNot compared with buildah: {bench.no_peer}.")
    print("\n".join(failed))
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 tests/bench", description="Measure Modelkiln against its peers.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"default: all of {', '.join(SCENARIOS)}")
    parser.add_argument("--packages", type=_numbers, default=[1, 10, 100], help="default: 1,10,100")
    parser.add_argument("--rounds", type=int, default=9, help="of a warm command (default: 9)")
    parser.add_argument("--cold-rounds", type=int, default=3, help="of a cold one (default: 3)")
    parser.add_argument("--no-peer", action="store_true", help="don't compare with buildah")
    parser.add_argument("--folder", type=Path, help="where the temporary folder goes; needs 15 GB")
    parser.add_argument(
        "--store", type=Path, help="a store on the same file system; the wheels that it has are not downloaded"
    )
    parser.add_argument(
        "--before", type=Path, help="a checkout of an older revision, for scenarios that compare with one"
    )
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    args = parser.parse_args()
    unknown = sorted(set(args.scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"unknown scenario {', '.join(unknown)}; choose from {', '.join(SCENARIOS)}")
    return args


def _numbers(text: str) -> list[int]:
    return sorted(int(number) for number in text.split(","))


def _cells(row: Row) -> tuple[str, ...]:
    known = row.other is not None
    verdict = "" if row.limit is None else "met" if row.ours <= row.limit else "MISSED"
    return (
        row.scenario,
        _value(row.ours, row.unit),
        row.other_name if known else "",
        _value(row.other, row.unit) if known else "",
        f"{row.ours / row.other:.2f}" if known and row.other else "",
        row.target,
        "" if row.limit is None else _value(row.limit, row.unit),
        verdict,
        *("" if written is None else f"{written / 1e6:.1f}" for written in row.written),
    )


def _value(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.2f} {unit}" if unit == "s" else f"{value:.0f} {unit}"


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
