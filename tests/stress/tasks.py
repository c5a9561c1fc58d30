"""What is killed: commands of the engine, what they find on the disk, and what must hold on it afterwards."""

import hashlib
import json
import os
import random
import time
import urllib.error
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Dict, List, Tuple

from samples.published import Package
from samples.wheelhouse import make_wheel

from modelkiln.layers import wheels
from modelkiln.store.cleaning import list_blobs
from modelkiln.store.files import find_stored
from modelkiln.store.store import Store
from modelkiln.weights.lock import load_weights_lock

__all__ = ["TASKS", "Task"]

_MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


class Task:
    """A command on a disk. `prepare` fills a new folder with what it finds, which is copied to the disk each time."""

    name = ""
    # What the command makes, below the disk's folder, whole or not at all.
    outputs: Tuple[str, ...] = ()

    def __init__(self, host: str) -> None:
        self.host = host

    def prepare(self, folder: Path) -> None:
        """Fill the folder that the command finds."""
        raise NotImplementedError

    def command(self, disk: Path, number: int) -> List[str]:
        """The arguments of `modelkiln` for the n-th disk."""
        raise NotImplementedError

    def problems(self, disk: Path, number: int, whole: Dict[str, str]) -> List[str]:
        """What is wrong after a kill. whole: the digests of outputs as they should be."""
        found = [f"{path} is half-written" for path, digest in whole.items() if _half(disk / path, digest)]
        return found + _damaged(disk / "store")

    def result(self, disk: Path, number: int) -> Dict[str, str]:
        """The digests of all that counts after a command that ended well."""
        return {path: digest_of(disk / path) for path in self.outputs}


def digest_of(path: Path) -> str:
    """One digest of a file or of all files of a folder; "" where there is none."""
    if not path.exists():
        return ""
    hasher = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            hasher.update(f"{file.relative_to(path)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return hasher.hexdigest()


def _half(path: Path, digest: str) -> bool:
    return path.exists() and digest_of(path) != digest


def _damaged(store: Path) -> List[str]:
    blobs = [path for path in store.glob("sha256/*/*") if path.is_file()]
    return [f"blob {one} is damaged" for one in blobs if hashlib.sha256(one.read_bytes()).hexdigest() != one.name]


def _wheel(folder: Path) -> Dict[str, str]:
    content = random.Random(1)
    files = {f"demo/part{number}.py": b"X = %d\n" % number * 2000 for number in range(200)}
    files["demo/table.bin"] = content.randbytes(2 << 20)
    data = make_wheel(files={**files, "demo/__init__.py": b"VALUE = 1\n"})
    Store(folder / "store").add_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    filename = "demo-1.0-py3-none-any.whl"
    return {"name": "demo", "version": "1.0", "filename": filename, "sha256": sha256, "url": ""}


class Layer(Task):
    """A layer of a wheel, compressed."""

    name, outputs = "package: layer", ("layer.json",)

    def prepare(self, folder: Path) -> None:
        recipe = wheels.recipe([_wheel(folder)], "3.11", "linux/amd64", "zstd")
        (folder / "recipe.json").write_text(json.dumps(recipe.to_json()))

    def command(self, disk: Path, number: int) -> List[str]:
        return [
            "build",
            "layer",
            f"--recipe={disk}/recipe.json",
            f"--store={disk}/store",
            f"--output={disk}/layer.json",
        ]

    def problems(self, disk: Path, number: int, whole: Dict[str, str]) -> List[str]:
        return _damaged(disk / "store")  # The output is in a step's own folder, and goes with it.


class Pex(Task):
    """A PEX that is kept in the store."""

    name, outputs = "package: PEX", ("pex.json",)

    def prepare(self, folder: Path) -> None:
        spec = {"wheels": [_wheel(folder)], "python": "3.11", "platform": "linux/amd64", "glibc": "2.36"}
        (folder / "spec.json").write_text(json.dumps({**spec, "entry_point": "app:main"}))
        (folder / "sources").mkdir()
        (folder / "sources/app.py").write_text("def main():\n    pass\n")

    def command(self, disk: Path, number: int) -> List[str]:
        options = [f"--spec={disk}/spec.json", f"--sources={disk}/sources", f"--store={disk}/store"]
        return ["build", "pex", *options, f"--stored={disk}/pex.json"]

    def problems(self, disk: Path, number: int, whole: Dict[str, str]) -> List[str]:
        return _damaged(disk / "store")


class Lock(Task):
    """A lock of a folder of weights."""

    name, outputs = "lock: weights", ("w.lock.json",)

    def prepare(self, folder: Path) -> None:
        content = random.Random(2)
        (folder / "weights").mkdir()
        (folder / "store").mkdir()
        for number in range(20):
            (folder / f"weights/part{number}.bin").write_bytes(content.randbytes(200_000 if number else 3_000_000))

    def command(self, disk: Path, number: int) -> List[str]:
        options = ["--source=weights", f"--folder={disk}", "--where=x:w", f"--store={disk}/store"]
        return ["build", "lock-weights", *options, f"{disk}/w.lock.json"]

    def result(self, disk: Path, number: int) -> Dict[str, str]:
        with ProcessPoolExecutor(1) as apart:  # Who looks into a store is a user of it for as long as he lives.
            return {**super().result(disk, number), **apart.submit(_stored, disk).result()}


def _stored(disk: Path) -> Dict[str, str]:
    lock = load_weights_lock((disk / "w.lock.json").read_text(), "x:w")
    found = find_stored([file.to_json() for file in lock.files], Store(disk / "store"))
    return {sha256: hashlib.sha256(file.open().read()).hexdigest() for sha256, file in found.items()}


class _Published(Task):
    def prepare(self, folder: Path) -> None:
        made = Package(folder, weights_size=3_000_000)
        (folder / "digits0.package.json").write_bytes(made.record)

    def _publish(self, disk: Path, name: str) -> List[str]:
        options = ["--tag=1.2.0", f"--insecure={self.host}", f"--store={disk}/store"]
        record = f"--record={disk}/digits0.package.json"
        return ["publish", f"{disk}/digits0.oci", f"{self.host}/{name}", *options, record]


class Publish(_Published):
    """An image to an empty repository of a registry."""

    name = "publish"

    def command(self, disk: Path, number: int) -> List[str]:
        return self._publish(disk, f"kill/n{number}")

    def problems(self, disk: Path, number: int, whole: Dict[str, str]) -> List[str]:
        missing = self._missing(f"kill/n{number}", "1.2.0")
        return [f"the tag is there, and {one} is missing" for one in missing or ()] + _damaged(disk / "store")

    def result(self, disk: Path, number: int) -> Dict[str, str]:
        missing = self._missing(f"kill/n{number}", "1.2.0")
        return {"published": "whole" if missing == [] else str(missing)}

    def _missing(self, name: str, tag: str):
        """What the image of a tag lacks; None where there is no tag."""
        try:
            manifest = json.loads(self._get("GET", f"{name}/manifests/{tag}").read())
        except urllib.error.HTTPError as error:
            assert 404 == error.code
            return None
        missing = []
        for blob in (manifest["config"], *manifest["layers"]):
            try:
                self._get("HEAD", f"{name}/blobs/{blob['digest']}").close()
            except urllib.error.HTTPError:
                missing.append(blob["digest"])
        return missing

    def _get(self, method: str, path: str):
        headers = {"Accept": _MANIFESTS}
        return urllib.request.urlopen(
            urllib.request.Request(f"http://{self.host}/v2/{path}", None, headers, method=method)
        )


class Pull(_Published):
    """An image out of a registry."""

    name, outputs = "pull", ("pulled.oci",)

    def prepare(self, folder: Path) -> None:
        from modelkiln.cli.main import main

        super().prepare(folder)
        assert 0 == main(self._publish(folder, "pull/digits"))
        for path in (*folder.glob("store/sha256/*/*"), folder / "digits0.package.json"):
            path.unlink()

    def command(self, disk: Path, number: int) -> List[str]:
        options = [f"--insecure={self.host}", f"--store={disk}/store"]
        return ["pull", f"{self.host}/pull/digits:1.2.0", "-o", f"{disk}/pulled.oci", *options]


class Export(_Published):
    """A layout with all of its layers, in one file."""

    name, outputs = "export", ("out.tar",)

    def command(self, disk: Path, number: int) -> List[str]:
        return ["export", f"{disk}/digits0.oci", f"{disk}/out.tar", f"--store={disk}/store"]


class Clean(Task):
    """A store of which a lock keeps some blobs."""

    name = "gc"

    def prepare(self, folder: Path) -> None:
        store = Store(folder / "store")
        digests = [store.add_bytes(b"%d" % number * 20_000) for number in range(40)]
        long_ago = time.time() - 90 * 86400
        for digest in digests:
            os.utime(store.path(digest), (long_ago, long_ago))
        packages = [{"sha256": digest.partition(":")[2]} for digest in digests[:10]]
        (folder / "kept.lock.json").write_text(json.dumps({"packages": packages}))
        (folder / "store/incoming").mkdir(exist_ok=True)
        (folder / "store/incoming/0000-dead").write_bytes(b"half")

    def command(self, disk: Path, number: int) -> List[str]:
        return ["store", "gc", "--max-size=0MB", f"--keep={disk}/kept.lock.json", f"--store={disk}/store"]

    def problems(self, disk: Path, number: int, whole: Dict[str, str]) -> List[str]:
        gone = sorted(_kept(disk) - _names(disk))
        return [f"{name} is gone" for name in gone] + _damaged(disk / "store")

    def result(self, disk: Path, number: int) -> Dict[str, str]:
        return {name: "here" for name in _names(disk)}


def _kept(disk: Path):
    return {one["sha256"] for one in json.loads((disk / "kept.lock.json").read_text())["packages"]}


def _names(disk: Path):
    return {blob.digest.partition(":")[2] for blob in list_blobs(Store(disk / "store"))}


TASKS = (Layer, Pex, Lock, Publish, Pull, Export, Clean)
