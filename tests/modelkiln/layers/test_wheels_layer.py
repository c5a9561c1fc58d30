"""Layers of wheels."""

import base64
import hashlib
import io
import itertools
import os
import tarfile
import zipfile

import pytest
import zstandard
from measuring.memory import peak_memory
from samples.debs import machine_env, pinned_lock
from samples.wheelhouse import make_wheel, offline_store, pin, put_wheel, record_row

from modelkiln.base.interpreter import interpreter_packages
from modelkiln.errors import ModelkilnError
from modelkiln.layers import wheels
from modelkiln.machine.settings import save_machine_env
from modelkiln.store.store import Store

SITE = "opt/venv/lib/python3.11/site-packages"


def _recipe(group, **changes):
    settings = {"python": "3.11", "platform": "linux/amd64", "compression": "none"}
    return wheels.recipe(group, **{**settings, **changes})


def _members(store, layer):
    with store.open(layer.descriptor.digest) as stream:
        data = stream.read()
    if layer.descriptor.media_type.endswith("zstd"):
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: (member, tar.extractfile(member).read() if member.isfile() else b"") for member in tar}


def test_large_wheels_are_alone_and_small_ones_together():
    """The plan does not depend on the order of its input, and the small ones come last."""
    sizes = {"a": 5, "b": 50, "c": 7, "d": 10}
    items = [{"name": name, "size": size} for name, size in sizes.items()]
    expected = [["b"], ["d"], ["a", "c"]]
    for order in itertools.permutations(items):
        assert expected == [[wheel["name"] for wheel in group] for group in wheels.plan(order, 10)]
    assert [] == wheels.plan([])
    assert 1 == len(wheels.plan(items))


def test_a_recipe_is_the_same_for_the_same_wheels():
    """Sizes and order stay out of the recipe, so equal layers are one process."""
    group = [pin(b"1", "one"), pin(b"2", "two")]
    more = [{**wheel, "size": 1, "unpacked_size": 2} for wheel in reversed(group)]
    assert _recipe(group) == _recipe(more, bytecode={})


def test_a_layer_holds_its_wheels_files(tmp_path):
    """Two wheels share a folder; owners, times and modes are normalised."""
    store = Store(tmp_path)
    library = "nvidia/one/lib.so"
    one = make_wheel("one", files={"nvidia/__init__.py": b"", library: b"1"}, executable=[library])
    two = make_wheel("two", files={"nvidia/__init__.py": b"", "nvidia/two/lib.so": b"2"})
    group = [put_wheel(store, two, "two"), put_wheel(store, one, "one")]
    layer = wheels.build(_recipe(group), store)
    members = _members(store, layer)
    assert ("wheels", "one 1.0, two 1.0") == (layer.kind, layer.title)
    assert b"2" == members[f"{SITE}/nvidia/two/lib.so"][1]
    assert 0o755 == members[f"{SITE}/nvidia/one/lib.so"][0].mode
    assert 0o644 == members[f"{SITE}/nvidia/two/lib.so"][0].mode
    assert {(0, 0, 0)} == {(member.uid, member.gid, member.mtime) for member, _ in members.values()}
    assert {f"{SITE}/{name}-1.0.dist-info/RECORD" for name in ("one", "two")} <= set(members)
    assert not any("__pycache__" in name for name in members)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_recipe_gives_the_same_layer_again(tmp_path, compression):
    """Another store, process, umask and time zone give the same digest."""
    digests = set()
    for index in range(2):
        store = Store(tmp_path / str(index))
        group = [put_wheel(store, make_wheel(files={f"demo/{i}.py": b"x" * i for i in range(50)}))]
        old = os.umask(0o077 if index else 0o022)
        try:
            digests.add(wheels.build(_recipe(group, compression=compression), store).descriptor)
        finally:
            os.umask(old)
    assert 1 == len(digests)


def test_a_missing_wheel_is_fetched(tmp_path):
    """A recipe is enough to make a layer on a machine that has none of its wheels."""
    data = make_wheel()
    store = offline_store(tmp_path, [(pin(data), data)])
    layer = wheels.build(_recipe([pin(data)]), store)
    assert store.has(layer.descriptor.digest)


def test_damage_inside_a_wheel_is_found_while_it_is_packed(tmp_path):
    """A file that is not what RECORD says leaves no layer behind."""
    files = {"demo/__init__.py": b"evil"}
    record = record_row("demo/__init__.py", b"good") + "".join(
        record_row(f"demo-1.0.dist-info/{name}", data)
        for name, data in (
            ("METADATA", b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"),
            ("WHEEL", b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        )
    )
    store = Store(tmp_path)
    group = [put_wheel(store, make_wheel(files=files, record=record + "demo-1.0.dist-info/RECORD,,\n"))]
    blobs = list(store.root.glob("sha256/*/*"))
    with pytest.raises(ModelkilnError, match=r"demo 1\.0: .*demo/__init__\.py' has sha256 .*tampered"):
        wheels.build(_recipe(group), store)
    assert blobs == list(store.root.glob("sha256/*/*"))
    assert [] == list((store.root / "incoming").iterdir())


def test_wheels_that_clash_are_refused(tmp_path):
    """Two wheels with one console script cannot be in one layer."""
    store = Store(tmp_path)
    group = []
    for name in ("one", "two"):
        points = f"[console_scripts]\nrun = {name}:main\n".encode()
        files = {f"{name}.py": b"", f"{name}-1.0.dist-info/entry_points.txt": points}
        group.append(put_wheel(store, make_wheel(name, files=files), name))
    with pytest.raises(ModelkilnError, match=r"one-1\.0.* and two-1\.0.* both write '../../../bin/run'"):
        wheels.build(_recipe(group), store)


def test_byte_code_is_compiled_by_the_bases_python(tmp_path):
    """pycs lie next to their sources, are listed in RECORD; tests and what does not compile have none."""
    store = Store(tmp_path)
    save_machine_env(store.root, machine_env())
    files = {"demo/__init__.py": b"VALUE = 1\n", "demo/old.py": b"print 1\n", "top.py": b"import demo\n"}
    files["demo/__pycache__/__init__.cpython-311.pyc"] = b"stale"
    files["demo-1.0.data/scripts/tool.py"] = b"#!python\n"
    files["demo/tests/test_demo.py"] = b""
    group = [put_wheel(store, make_wheel(files=files))]
    packages = interpreter_packages(pinned_lock())
    members = _members(store, wheels.build(_recipe(group, bytecode={"packages": packages}), store))
    compiled = [f"{SITE}/__pycache__/top.cpython-311.pyc", f"{SITE}/demo/__pycache__/__init__.cpython-311.pyc"]
    assert compiled == sorted(name for name in members if name.endswith(".pyc"))
    assert 1 == int.from_bytes(members[compiled[1]][1][4:8], "little")  # PEP 552: unchecked hash.
    record = members[f"{SITE}/demo-1.0.dist-info/RECORD"][1].decode().splitlines()
    assert ["__pycache__/top.cpython-311.pyc,,", "demo/__pycache__/__init__.cpython-311.pyc,,"] == [
        line for line in record if ".pyc" in line
    ]


def test_memory_does_not_grow_with_the_wheel(tmp_path):
    """A wheel with a file of 300 MB is packed in a process of less than 150 MB."""
    store, size = Store(tmp_path / "store"), 300 << 20
    path = tmp_path / "demo.whl"
    zeros = bytes(1 << 20)
    hasher = hashlib.sha256()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("demo/big.so", "w") as out:
            for _ in range(size >> 20):
                out.write(zeros)
                hasher.update(zeros)
        digest = base64.urlsafe_b64encode(hasher.digest()).decode().rstrip("=")
        rows = f"demo/big.so,sha256={digest},{size}\n"
        texts = {"METADATA": "Name: demo\n", "WHEEL": "Wheel-Version: 1.0\n"}
        for name, text in texts.items():
            archive.writestr(f"demo-1.0.dist-info/{name}", text)
            rows += record_row(f"demo-1.0.dist-info/{name}", text.encode())
        archive.writestr("demo-1.0.dist-info/RECORD", rows + "demo-1.0.dist-info/RECORD,,\n")
    wheel = put_wheel(store, path.read_bytes())
    script = (
        "import sys\n"
        "from modelkiln.layers import wheels\nfrom modelkiln.recipe import Recipe\n"
        "from modelkiln.store.store import Store\n"
        "wheels.build(Recipe(sys.argv[1]), Store(sys.argv[2]))"
    )
    recipe = _recipe([wheel], compression="zstd")
    assert peak_memory(script, recipe.text, store.root) < 150 * 1024


def test_platforms_share_the_small_wheels_that_are_for_any():
    """Apart, they are a layer that does not depend on the platform."""
    names = ("one-1-py3-none-any.whl", "two-1-cp311-cp311-manylinux2014_x86_64.whl")
    found = [{"name": name[:3], "filename": name, "size": 1} for name in names]
    assert [list(names)] == [[wheel["filename"] for wheel in group] for group in wheels.plan(found)]
    assert [[name] for name in names] == [
        [wheel["filename"] for wheel in group] for group in wheels.plan(found, split_pure=True)
    ]
