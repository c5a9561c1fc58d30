"""Locks that somebody else wrote, with the checks left out: what they pin is checked all the same."""

import io
import json
import pickle
import struct
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import pytest
from samples import scripted_source
from samples.scripted_source import Script

from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.checks.check import Options
from modelkiln.cli.main import main
from modelkiln.digest import sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.layers.recipe import open_layer
from modelkiln.layers.weights import locked_layers, stream_from_source
from modelkiln.layers.weights_files import stored_files
from modelkiln.sources.source import SCHEMES
from modelkiln.store.store import Store
from modelkiln.weights.formats import check_locked
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock, load_weights_lock
from modelkiln.weights.locking import lock_weights
from modelkiln.weights.selection import WeightsSource

NAME = "collections.OrderedDict"
ALLOWED = Allowed((NAME,))
PICKLE = pickle.dumps(OrderedDict(), 4)
IS_PICKLE = "model.bin: is a pickle"


@pytest.fixture
def script(monkeypatch):
    """A source that has a pickle, at scripted:x."""
    monkeypatch.setitem(SCHEMES, "scripted", "samples.scripted_source")
    made = Script({"model.bin": PICKLE, "config.json": b"{}"})
    scripted_source.scripts["scripted:x"] = made
    return made


@pytest.fixture
def lock(tmp_path, script) -> WeightsLock:
    """A lock of the pickle that says nothing of it, and has a digest of its own as any lock."""
    honest = lock_weights(WANTED, Store(tmp_path / "elsewhere"), allowed=ALLOWED)
    files = tuple(replace(file, format="") for file in honest.files)
    return load_weights_lock(replace(honest, files=files, allowed=NOTHING).to_text(), "x.lock.json")


WANTED = WeightsSource("scripted:x", Path(), "models/x:w")


def held(lock, folder) -> Store:
    """A store that has the files of the lock."""
    store = Store(folder)
    for data in (PICKLE, b"{}"):
        store.add_bytes(data)
    return store


@pytest.mark.parametrize("use", [stored_files, open_layer])
@pytest.mark.parametrize("is_here", [False, True])
def test_nothing_is_made_of_files_that_nobody_checked(tmp_path, lock, use, is_here):
    """A pickle that the target does not allow is refused as it comes into the store, and where it lies there."""
    store = held(lock, tmp_path / "store") if is_here else Store(tmp_path / "store")
    (layer,) = locked_layers(lock, "models/x:w")
    for _ in range(2):
        with pytest.raises(ModelkilnError, match=IS_PICKLE):
            use(layer, store)
    (allowed,) = locked_layers(lock, "models/x:w", ALLOWED)
    assert use(allowed, store)
    with pytest.raises(ModelkilnError, match=IS_PICKLE):
        use(layer, store)


def test_nothing_is_streamed_that_nobody_checked(tmp_path, lock, script):
    """What passes from its source to a registry is checked first, and must be the same as it passes."""
    store = Store(tmp_path / "store")
    store.root.mkdir()
    (layer,) = locked_layers(lock, "models/x:w")
    with pytest.raises(ModelkilnError, match=IS_PICKLE):
        stream_from_source(layer.recipe, store, {})
    good, streams = bytes(len(PICKLE)), []

    def change(stream):
        streams.append(stream)
        return stream if stream.getvalue() == b"{}" or len(streams) > 2 else io.BytesIO(good)

    script.wrap = change
    with stream_from_source(layer.recipe, store, {}) as stream, pytest.raises(ModelkilnError, match="was changed"):
        stream.read()


@pytest.mark.parametrize("is_here", [False, True])
def test_a_lock_is_checked_before_it_is_packaged_and_with_check(tmp_path, lock, capsys, is_here):
    """The step before packaging looks at what is here, and --check also at what is elsewhere."""
    store = held(lock, tmp_path / "store") if is_here else Store(tmp_path / "store")
    path = tmp_path / "x.lock.json"
    path.write_text(lock.to_text())
    step = ["build", "check-artifact", f"--lock={path}", f"--store={store.root}", "--where=models/x:w"]
    code = main([*step, f"--output={tmp_path / 'findings.json'}"])
    assert is_here == (code == 1)
    assert is_here == (IS_PICKLE in capsys.readouterr().err)
    again = ["build", "lock-weights", "--source=scripted:x", "--where=models/x:w", f"--store={store.root}"]
    assert 1 == main([*again, "--check", str(path)])
    assert IS_PICKLE in capsys.readouterr().err
    assert 1 == main([*again, str(path)])
    assert IS_PICKLE in capsys.readouterr().err


@pytest.mark.parametrize(
    "stated", [{"format": "safetensors"}, {"facts": {"architecture": "llama"}}, {"code": ("jinja:chat_template",)}]
)
def test_a_lock_that_states_what_is_not_so_is_refused(tmp_path, lock, stated):
    """The error says how to write it; one that states nothing, as of an earlier release, is compared with nothing."""
    store, options = held(lock, tmp_path / "store"), Options("models/x:w", (NAME,))
    check_locked(lock, store, options)
    files = tuple(replace(file, **stated) if file.path == "model.bin" else file for file in lock.files)
    with pytest.raises(ModelkilnError, match="models/x:w: model.bin: its lock states the .*pants lock models/x:w"):
        check_locked(replace(lock, files=files), store, options)


def test_a_lock_without_a_digest_is_written_again(tmp_path, script, capsys):
    """It is refused with the command that writes it, which works."""
    path, store = tmp_path / "x.lock.json", tmp_path / "store"
    script.files["model.bin"] = b"1"
    again = ["build", "lock-weights", "--source=scripted:x", "--where=models/x:w", f"--store={store}", str(path)]
    assert 0 == main(again)
    text = path.read_text()
    path.write_text(json.dumps({key: value for key, value in json.loads(text).items() if key != "digest"}))
    with pytest.raises(ModelkilnError, match="lacks its own digest.*`pants lock models/x:w`"):
        load_weights_lock(path.read_text(), "x.lock.json", "models/x:w")
    assert 1 == main([*again, "--check"])
    assert "lacks its own digest" in capsys.readouterr().err
    assert 0 == main(again)
    assert text == path.read_text()


def large_safetensors(size) -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode().ljust(96)
    return struct.pack("<Q", len(header)) + header


def test_of_large_weights_headers_are_read(tmp_path):
    """A check of 256 MiB reads less than one, and the next one nothing."""
    size = 256 << 20
    header = large_safetensors(size)
    path = tmp_path / "model.safetensors"
    with path.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + size)
    store, sha256 = Store(tmp_path / "store"), "0" * 64  # Nobody hashes it here.
    blob = store.path(f"sha256:{sha256}")
    blob.parent.mkdir(parents=True)
    path.rename(blob)
    file = LockedFile("model.safetensors", sha256, len(header) + size, format="safetensors")
    lock = WeightsLock({}, (file,), (LockedLayer(sha256_bytes(b""), 1, (file.path,)),))
    for most in (1 << 20, 1 << 17):
        before = _read_bytes()
        check_locked(lock, store, Options("x"))
        assert most > _read_bytes() - before


def _read_bytes() -> int:
    """Bytes that this process has asked the kernel for (proc(5), /proc/PID/io, rchar)."""
    return int(Path("/proc/self/io").read_text().split()[1])
