"""Wheels that want to do harm, or that installers read in different ways, are refused."""

import pytest

# The makers of fixtures live with the engine's tests.
from samples.wheelhouse import make_wheel, record_row, zip_of

from modelkiln.errors import ModelkilnError
from modelkiln.wheels.venv import Venv, install
from modelkiln.wheels.wheel import open_wheel

INFO = "demo-1.0.dist-info"
FILE, LINK, DEVICE, FIFO, FOLDER = 0o100644, 0o120777, 0o060644, 0o010644, 0o040755
GOOD = {f"{INFO}/METADATA": b"Name: demo\n", f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n"}


def _listed(path, data=b"x", mode=FILE):
    """A wheel with one more member, which its RECORD lists."""
    rows = "".join(record_row(name, content) for name, content in {**GOOD, path: data}.items())
    members = [(name, content, FILE) for name, content in GOOD.items()]
    return zip_of([*members, (path, data, mode), (f"{INFO}/RECORD", rows + f"{INFO}/RECORD,,\n", FILE)])


def _recorded(text):
    """A wheel of two members whose RECORD is `text` after good rows of its metadata."""
    rows = "".join(record_row(name, content) for name, content in GOOD.items())
    return make_wheel(files={**GOOD, "demo.py": b"x"}, record=rows + text)


def _flipped():
    # One byte of the compressed data of demo.py.
    data = bytearray(make_wheel(files={"demo.py": b"x" * 1000}))
    data[data.index(b"demo.py") + len("demo.py") + 2] ^= 0xFF
    return bytes(data)


def _points(text):
    return make_wheel(files={f"{INFO}/entry_points.txt": text.encode()})


GOOD_ROW = record_row("demo.py", b"x")
BAD_WHEELS = {
    "absolute": (_listed("/etc/passwd"), "not a clean relative path"),
    "dot-dot": (_listed("demo/../../x"), "not a clean relative path"),
    "dot": (_listed("./demo.py"), "not a clean relative path"),
    "empty-part": (_listed("demo//x.py"), "not a clean relative path"),
    "backslash": (_listed("demo\\x.py"), "not a clean relative path"),
    "drive": (_listed("C:\\x.py"), "not a clean relative path"),
    "newline": (_listed("demo\nx.py"), "control characters"),
    "link": (_listed("demo/link", b"/etc/passwd", LINK), "is a link"),
    "link-out-of-scheme": (_listed("demo-1.0.data/data/bin/x", b"../../..", LINK), "is a link"),
    "device": (_listed("demo/null", b"", DEVICE), "a device"),
    "fifo": (_listed("demo/pipe", b"", FIFO), "a device"),
    "file-that-says-folder": (_listed("demo/x", b"x", FOLDER), "a device or something else"),
    "folder-with-content": (_listed("demo/x/", b"x", FOLDER), "folder with content"),
    "twice": (
        make_wheel(files={"demo.py": b"x"}, more=[("demo.py", b"y", FILE)]),
        "'demo.py' is in the zip file twice",
    ),
    "file-and-folder": (make_wheel(more=[("demo/__init__.py/", b"", FOLDER)]), "both a file and a folder"),
    "unlisted": (make_wheel(more=[("demo/evil.py", b"x", FILE)]), "'demo/evil.py' is not in RECORD"),
    "unlisted-in-metadata": (make_wheel(more=[(f"{INFO}/evil", b"x", FILE)]), "is not in RECORD"),
    "no-record": (zip_of([(name, data, FILE) for name, data in GOOD.items()]), "holds no demo-1.0.dist-info/RECORD"),
    "record-lists-more": (_recorded(GOOD_ROW + record_row("gone.py", b"")), "'gone.py' is in RECORD and not"),
    "record-twice": (_recorded(GOOD_ROW * 2), "lists 'demo.py' twice"),
    "record-no-hash": (_recorded("demo.py,,1\n"), "has the hash ''"),
    "record-md5": (_recorded(record_row("demo.py", b"x", "md5")), "has the hash 'md5="),
    "record-broken-hash": (_recorded("demo.py,sha256=!!!,1\n"), "broken hash"),
    "record-short-hash": (_recorded("demo.py,sha256=AAAA,1\n"), "broken hash"),
    "record-wrong-size": (_recorded(GOOD_ROW.replace(",1\n", ",2\n")), "has 1 bytes, and 2 in RECORD"),
    "record-two-columns": (_recorded("demo.py,x\n"), "RECORD cannot be read"),
    "record-not-utf8": (make_wheel(record=b"\xff"), "is not UTF-8"),
    "no-metadata": (make_wheel(files={f"{INFO}/METADATA": None}), "holds no demo-1.0.dist-info/METADATA"),
    "no-wheel": (make_wheel(files={f"{INFO}/WHEEL": None}), "holds no demo-1.0.dist-info/WHEEL"),
    "wheel-2": (make_wheel(files={f"{INFO}/WHEEL": b"Wheel-Version: 2.0\n"}), "Wheel-Version '2.0' is not 1.x"),
    "no-dist-info": (zip_of([("demo.py", b"x", FILE)]), "0 .dist-info folders"),
    "two-dist-infos": (make_wheel(files={"x-1.dist-info/METADATA": b""}), "2 .dist-info folders"),
    "other-name": (make_wheel("other"), "'other-1.0.dist-info' is not that of demo 1.0"),
    "other-version": (make_wheel(version="2.0"), "'demo-2.0.dist-info' is not that of demo 1.0"),
    "data-of-another": (make_wheel(files={"x-1.0.data/scripts/x": b""}), "folder 'x-1.0.data', want"),
    "data-unknown-scheme": (make_wheel(files={"demo-1.0.data/evil/x": b""}), "is not in a folder for purelib"),
    "data-file-of-no-scheme": (make_wheel(files={"demo-1.0.data/scripts": b""}), "is not in a folder for purelib"),
    "replaces-python": (make_wheel(files={"demo-1.0.data/scripts/python": b""}), "would replace 'opt/venv/bin/python'"),
    "replaces-python-as-data": (make_wheel(files={"demo-1.0.data/data/bin/python3.11": b""}), "would replace"),
    "replaces-config": (make_wheel(files={"demo-1.0.data/data/pyvenv.cfg": b""}), "replace 'opt/venv/pyvenv.cfg'"),
    "one-path-twice": (
        make_wheel(files={"demo.py": b"x", "demo-1.0.data/purelib/demo.py": b"y"}),
        "two of its files go to .*demo.py",
    ),
    "script-out": (_points("[console_scripts]\n../../x = demo:main\n"), "'../../x' is not the name of a script"),
    "script-replaces-python": (_points("[console_scripts]\npython = demo:main\n"), "would replace"),
    "script-injects": (_points("[console_scripts]\nx = demo:main;evil()\n"), "entry_points.txt cannot be read"),
    "script-no-function": (_points("[console_scripts]\nx = demo\n"), "entry_points.txt cannot be read"),
    "points-no-section": (_points("x = a:b\n"), "entry_points.txt cannot be read"),
    "damaged": (_flipped(), "zip file is damaged"),
    "truncated": (make_wheel()[:-30], "zip file is damaged"),
    "no-zip": (b"#!/bin/sh\n", "zip file is damaged"),
    "empty": (b"", "zip file is damaged"),
}


def _read_all(path):
    with open_wheel(path, "demo-1.0-py3-none-any.whl", "demo", "1.0") as wheel:
        for entry in install(wheel, Venv("3.11")).entries:
            with entry.open() as stream:
                while stream.read(1 << 20):
                    pass


@pytest.mark.parametrize("case", BAD_WHEELS)
def test_a_hostile_wheel_is_refused(tmp_path, case):
    """Each is refused with a message that names the wheel and what is wrong with it."""
    data, message = BAD_WHEELS[case]
    path = tmp_path / "blob"
    path.write_bytes(data)
    with pytest.raises(ModelkilnError, match=rf"(?s)^demo-1\.0-py3-none-any\.whl: .*{message}"):
        _read_all(path)


def test_the_corpus_is_bad_for_one_reason_only(tmp_path):
    """The same makers give a wheel that is read without complaint when nothing is wrong."""
    path = tmp_path / "blob"
    for data in (_listed("demo/x.py"), _recorded(GOOD_ROW), _points("[console_scripts]\nx = demo:main\n")):
        path.write_bytes(data)
        _read_all(path)


def test_everything_wrong_is_reported_at_once(tmp_path):
    """A maker of wheels sees all issues of a kind in one message."""
    path = tmp_path / "blob"
    path.write_bytes(make_wheel(more=[("one.py", b"", FILE), ("two.py", b"", FILE)]))
    with pytest.raises(ModelkilnError, match=r"'one\.py' is not in RECORD\. 'two\.py' is not in RECORD"):
        _read_all(path)
