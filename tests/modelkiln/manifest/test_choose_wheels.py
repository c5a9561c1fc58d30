"""Choosing wheels by their metadata, from an index on loopback."""

import hashlib
import json
import random
import re
from contextlib import contextmanager

import pytest
from loopback.registries import served
from samples.wheelhouse import make_wheel

from modelkiln.cli.main import main
from modelkiln.machine.settings import save_machine_env
from modelkiln.manifest.resolution import resolve_lock
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

TARGET = Target("3.11", "linux/amd64", "2.36")
NAME = "big-1.0-py3-none-any.whl"
WHEEL = make_wheel("big", files={"big.bin": random.Random(0).randbytes(3 << 20)}, requires=["small>=1"])
SHA256 = hashlib.sha256(WHEEL).hexdigest()
LOCK = f"big==1.0 --hash=sha256:{SHA256}\n"


class Index:
    """An index of one wheel. metadata: of its metadata file, or None. ranges: whether it knows them.
    sent: bytes of its answers."""

    def __init__(self, metadata, ranges, has_hash):
        self.metadata, self.ranges, self.has_hash, self.sent = metadata, ranges, has_hash, 0

    def answer(self, handler):
        """Answer one GET or HEAD."""
        kind, status, headers = "application/octet-stream", 200, {}
        if handler.path == "/simple/big/":
            attribute = (
                f' data-core-metadata="sha256={hashlib.sha256(self.metadata).hexdigest()}"' if self.metadata else ""
            )
            fragment = f"#sha256={SHA256}" if self.has_hash else ""
            kind, body = "text/html", f'<a href="/{NAME}{fragment}"{attribute}>{NAME}</a>'.encode()
        else:
            body = self.metadata if handler.path.endswith(".metadata") else WHEEL
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        if self.ranges:
            headers["Accept-Ranges"] = "bytes"
        if self.ranges and asked:
            first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            status, body = 206, body[first : last + 1]
        handler.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            self.sent += len(body)
            handler.wfile.write(body)


@contextmanager
def _index(store, metadata=None, ranges=True, has_hash=True):
    index = Index(metadata, ranges, has_hash)
    with served(index.answer) as address:
        save_machine_env(store.root, {"PIP_INDEX_URL": f"http://{address}/simple", "PIP_CONFIG_FILE": "/dev/null"})
        yield index


def _metadata(requires="small>=1"):
    return f"Metadata-Version: 2.1\nName: big\nVersion: 1.0\nRequires-Dist: {requires}\n".encode()


@pytest.mark.parametrize(
    ("how", "limit"),
    [
        ({"metadata": _metadata(), "ranges": False}, 1000),
        ({}, 200_000),
        ({"ranges": False}, 4 << 20),
        ({"has_hash": False}, 4 << 20),
    ],
)
def test_only_metadata_is_read_where_an_index_lets_us(tmp_path, how, limit):
    """From its metadata file, or from the wheel's end; else from the whole wheel, once."""
    store = Store(tmp_path)
    with _index(store, **how) as index:
        (wheel,) = resolve_lock(LOCK, TARGET, store)["wheels"]
    assert (NAME, SHA256, ["small>=1"], None) == tuple(
        wheel[key] for key in ("filename", "sha256", "requires", "problem")
    )
    assert index.sent < limit


def test_a_wheel_with_another_hash_is_not_chosen(tmp_path):
    """What the index says of a file does not make it a pinned one."""
    store = Store(tmp_path)
    with _index(store, _metadata()):
        (wheel,) = resolve_lock(f"big==1.0 --hash=sha256:{'0' * 64}\n", TARGET, store)["wheels"]
    assert wheel["problem"]


@pytest.mark.parametrize(("advertised", "code"), [("small>=1", 0), ("other", 1)])
def test_what_an_index_advertised_is_compared_with_the_wheel(tmp_path, capsys, advertised, code):
    """Requirements decide what gets into a package, and only the wheel's own are pinned by its hash."""
    store = Store(tmp_path / "store")
    with _index(store, _metadata(advertised)):
        (wheel,) = resolve_lock(LOCK, TARGET, store)["wheels"]
        request = {"wheels": [wheel], "python": "3.11", "requires": {"big": wheel["requires"]}}
        (tmp_path / "wheels.json").write_text(json.dumps(request))
        arguments = [
            f"--wheels={tmp_path / 'wheels.json'}",
            f"--store={store.root}",
            f"--output={tmp_path / 'out.json'}",
        ]
        assert code == main(["build", "fetch", *arguments])
    said = capsys.readouterr().err
    assert code == 0 or f"{NAME}: requires small>=1, and its package index says other." in said
