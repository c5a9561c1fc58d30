"""Recipes: blobs that can be made again."""

import ast
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from samples.wheelhouse import make_wheel, put_wheel

import modelkiln
from modelkiln.errors import ModelkilnError
from modelkiln.layers import files, wheels
from modelkiln.layers import recipe as recipes
from modelkiln.layers.engine_fingerprint import IRRELEVANT_ROOMS
from modelkiln.layers.recipe import build, ensure
from modelkiln.pinned_file import PinnedFile
from modelkiln.recipe import Recipe
from modelkiln.store.store import Store


def files_recipe(folder, content=b"weights"):
    """Write one file below `folder` and return the recipe of a layer that holds it."""
    (folder / "w.bin").write_bytes(content)
    pinned = PinnedFile("w.bin", hashlib.sha256(content).hexdigest(), len(content))
    return files.recipe("weights", "m:w", "none", [pinned])


def test_a_missing_blob_is_made_again(tmp_path):
    """A layer whose blob left the store comes back with the same digest."""
    store = Store(tmp_path / "store")
    layer = build(files_recipe(tmp_path), store, tmp_path)
    store.path(layer.descriptor.digest).unlink()
    assert store.verify(layer.descriptor.digest) is False
    ensure(layer, store, tmp_path)
    assert store.verify(layer.descriptor.digest)


def test_a_truncated_blob_is_made_again(tmp_path):
    """A damaged blob is set aside and replaced."""
    store = Store(tmp_path / "store")
    layer = build(files_recipe(tmp_path), store, tmp_path)
    store.path(layer.descriptor.digest).chmod(0o644)
    store.path(layer.descriptor.digest).write_bytes(b"")
    ensure(layer, store, tmp_path)
    assert store.verify(layer.descriptor.digest)


def test_changed_sources_are_refused(tmp_path):
    """Files other than those the recipe pins do not become its layer."""
    recipe = files_recipe(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"changed")
    with pytest.raises(ModelkilnError, match="w.bin"):
        build(recipe, Store(tmp_path / "store"), tmp_path)


def test_a_recipe_that_gives_another_digest_is_refused(tmp_path):
    """What is rebuilt must be what was pinned."""
    store = Store(tmp_path / "store")
    layer = build(files_recipe(tmp_path), store, tmp_path)
    (tmp_path / "other").mkdir()
    other = files_recipe(tmp_path / "other", b"other")
    store.path(layer.descriptor.digest).unlink()
    with pytest.raises(ModelkilnError, match="want " + layer.descriptor.digest):
        ensure(replace(layer, recipe=other), store, tmp_path / "other")


def test_an_unknown_packer_is_refused(tmp_path):
    """The error names the packer and says to upgrade."""
    with pytest.raises(ModelkilnError, match="'wheels/99'.*upgrade"):
        build(Recipe.made_by("wheels/99", {}), Store(tmp_path))


def wheels_recipe(store):
    """The recipe of a layer with one small wheel, which is in the store."""
    wheel = put_wheel(store, make_wheel())
    return wheels.recipe([wheel], python="3.11", platform="linux/amd64", compression="zstd")


def test_a_layer_is_not_made_twice(tmp_path, monkeypatch):
    """The engine remembers the layers that it made, as long as their blobs are whole."""
    store = Store(tmp_path)
    recipe = wheels_recipe(store)
    layer = build(recipe, store)
    with monkeypatch.context() as context:
        context.setattr(wheels, "build", None)
        assert layer == build(recipe, store)
    path = store.path(layer.descriptor.digest)
    for damaged in (path.read_bytes()[:-1], path.read_bytes()[:-1] + b"x", None):
        path.chmod(0o644)
        path.unlink() if damaged is None else path.write_bytes(damaged)
        assert layer == build(recipe, store)
        assert store.verify(layer.descriptor.digest)


def test_an_engine_that_packs_otherwise_makes_the_layer_again(tmp_path, monkeypatch):
    """What is remembered counts for the same packing code alone; what is damaged, for nothing."""
    store = Store(tmp_path)
    recipe, made = wheels_recipe(store), []
    layer = build(recipe, store)
    monkeypatch.setattr(wheels, "build", lambda recipe, store: made.append(recipe) or layer)
    with monkeypatch.context() as context:
        context.setattr(recipes, "engine_fingerprint", lambda libraries: "other")
        build(recipe, store)
    assert 1 == len(made)
    for text in ("", "{}", '{"kind": 1}', json.dumps({**layer.to_json(), "diff_id": "x"})):
        for path in (store.root / "layers").iterdir():
            path.write_text(text)
        assert layer == build(recipe, store)
    assert 5 == len(made)


def _imports(path):
    """The modules of the engine that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name}" for name in names)]
        yield from (name for name in names if name.startswith("modelkiln."))


def test_no_module_that_packers_use_is_left_out_of_the_packing_key():
    """A change of code that decides a layer's bytes is never overlooked."""
    root = Path(modelkiln.__file__).parent
    packers = [name for packer, name in recipes.PACKERS.items() if packer in recipes._REMEMBERED]
    waiting, used = packers, set()
    while waiting:
        name = waiting.pop().replace(".", "/").removeprefix("modelkiln/") + ".py"
        if name not in used and (root / name).is_file():
            used.add(name)
            waiting += _imports(root / name)
    assert {"archives/tar.py", "base/bytecode.py", "layers/packing.py", "wheels/wheel.py"} <= used
    assert [] == sorted(name for name in used if name.startswith(IRRELEVANT_ROOMS))
    assert all(any(root.rglob(f"{name.rstrip('/')}*")) for name in IRRELEVANT_ROOMS)


def test_a_small_layer_is_the_same_in_memory(tmp_path):
    """What the rules pack by themselves has the bytes that a layer process gives it."""
    (tmp_path / "a.py").write_bytes(b"x = 1\n")
    pinned = PinnedFile("a.py", hashlib.sha256(b"x = 1\n").hexdigest(), 6)
    recipe = files.recipe("code", "code", "none", [pinned])
    store = Store(tmp_path / "store")
    layer, blob = files.build_small(recipe, {"a.py": b"x = 1\n"})
    assert build(recipe, store, tmp_path) == layer
    assert store.path(layer.descriptor.digest).read_bytes() == blob


def test_only_plain_files_of_few_bytes_are_small(tmp_path):
    """Compression and byte code take a process, and so do many bytes."""
    file = PinnedFile("a.py", "0" * 64, files.SMALL_BYTES)
    plain = files.recipe("code", "code", "none", [file])
    others = [
        files.recipe("code", "code", "zstd", [file]),
        files.recipe("code", "code", "none", [file], {"bytecode": {"packages": []}, "python": "3.11"}),
        files.recipe("code", "code", "none", [file, PinnedFile("b.py", "0" * 64, 1)]),
    ]
    assert [True, False, False, False] == [files.is_small(recipe) for recipe in (plain, *others)]
    with pytest.raises(ModelkilnError, match="'app/a.py' has another size"):
        files.build_small(plain, {"a.py": b""})
