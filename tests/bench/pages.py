"""The scenario of reports: the page of a large package, as it is written, and as a browser shows it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import statistics
import sys
import zipfile
from pathlib import Path
from typing import Any, Iterator

from bench import Bench
from generate import SOURCE
from measure import repeat
from rows import MB, Row

__all__ = ["report"]

sys.path[:0] = [str(SOURCE / "src"), str(SOURCE / "tests" / "support")]

_WHEELS, _FILES, _BYTES = 40, 12_000, 2_000_000_000
_FRAMES = """
new Promise(resolve => {
  const times = [];
  const step = now => { times.push(now); times.length > %d ? resolve(times) : requestAnimationFrame(step); };
  requestAnimationFrame(step);
})
"""
_SECONDS = 3


def report(bench: Bench, packages: list[int]) -> Iterator[Row]:
    """Writing the page of 2 GB in 12,000 files, its size, its first paint, and hovering its map."""
    pex, page = bench.folder / "rain.pex", bench.folder / "report.html"
    _write_pex(pex)
    written = repeat(bench.rounds, lambda: bench.engine.run("report", pex, "-o", page))
    yield Row("report of 12,000 files, 2 GB", written.seconds, target="2 s", limit=2)
    yield Row("its size", page.stat().st_size / 1000, target="1.5 MB", limit=1.5 * MB / 1000, unit="kB")
    if shutil.which("chromium"):
        yield from _shown(bench, page)
    else:
        print("report: chromium is not on PATH; the page was not shown", file=sys.stderr)


def _shown(bench: Bench, page: Path) -> Iterator[Row]:
    from browsing.devtools import open_tab

    (bench.folder / "browser").mkdir(exist_ok=True)
    with open_tab(bench.folder / "browser") as tab:
        tab.size(1200, 900)
        paints = [_first_paint(tab, page) for _ in range(bench.rounds)]
        yield Row("its first paint", statistics.median(paints), target="0.5 s", limit=0.5)
        rates = [_hover(tab) for _ in range(bench.rounds)]
        frame = 1000 / statistics.median(rates)
        yield Row("a frame, hovering its map", frame, target="60 a second", limit=1000 / 59.5, unit="ms")


def _first_paint(tab: Any, page: Path) -> float:
    tab.open(page)
    tab.ask("new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve, 100)))")
    return tab.ask("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000


def _hover(tab: Any) -> float:
    """Frames a second while the mouse goes over the map in lines."""
    tab.ask("document.querySelector('.map').scrollIntoView({ behavior: 'instant' })")
    box = tab.ask("document.querySelector('.map').getBoundingClientRect().toJSON()")
    asked = tab.send("Runtime.evaluate", expression=_FRAMES % (60 * _SECONDS), awaitPromise=True, returnByValue=True)
    step = 0
    while not tab.has(asked):
        step += 1
        tab.move(box["x"] + step * 13 % box["width"], box["y"] + 10 + step // 40 * 17 % (box["height"] - 20))
    times = tab.take(asked)["result"]["value"]
    return 1000 * (len(times) - 1) / (times[-1] - times[0])


def _write_pex(path: Path) -> None:
    """A PEX with wheels of many files of zeros, which take little on the disk."""
    from modelkiln.package.record import recorded_digest

    size = _BYTES // _FILES
    tensor = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
    wheels = []
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(_WHEELS):
            name = f"wheel{number:02}"
            data = _wheel(name, _FILES // _WHEELS, size)
            file = f"{name}-1.0-py3-none-any.whl"
            archive.writestr(f".deps/{file}", data)
            wheels.append(
                {
                    "name": name, "version": "1.0", "filename": file, "sha256": hashlib.sha256(data).hexdigest(),
                    "size": len(data), "unpacked_size": size * _FILES // _WHEELS,
                }
            )  # fmt: skip
        record = {
            "schema": 1, "name": "rain", "version": "1.0.0", "variant": {"accelerator": "cpu"}, "artifacts": [],
            "code": [], "requirements": wheels, "signature": {"inputs": [tensor], "outputs": [tensor]},
            "metadata": {"metrics": {"auc": 0.9}}, "formats": {}, "layers": [],
        }  # fmt: skip
        record["package_digest"] = recorded_digest(record)
        archive.writestr(".modelkiln/record.json", json.dumps(record))


def _wheel(name: str, files: int, size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(files):
            # No two of one size, as in real ones.
            data = bytes(size // 2 + number * size // files)
            # Folders of ten: the map shows all twelve hundred at once.
            archive.writestr(f"{name}_{number // 10:02}/module_with_a_name_{number:04}.py", data)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nLicense: MIT\nSummary: A wheel of zeros\n"
        archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
    return out.getvalue()
