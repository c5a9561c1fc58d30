"""A small package of all kinds of contents, packed by the engine's own packers, with its record as in dist/."""

import hashlib
import json
from pathlib import Path

from samples.debs import locked, make_deb
from samples.wheelhouse import make_wheel, pin

from modelkiln.conventions import VENV
from modelkiln.image.entries import REF_NAME
from modelkiln.image.image import Base, Settings, build_image, settings_config
from modelkiln.image.layout import layout_files, write_layout
from modelkiln.layers import debian, files, wheels
from modelkiln.layers.small import record_layer, venv_layer
from modelkiln.package.record import labels, make_record, with_outputs
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store

__all__ = ["CODE", "OTHER", "Described", "two_environments"]

# The further environment of an ensemble.
OTHER = "opt/venvs/0123456789ab"

CODE = {
    "rain/forecast.py": b"import json\n\nfrom cloudlib import shapes\n\nfrom rain.scale import scale\n\n\n"
    b"def predict(inputs, model):\n    return scale(inputs)\n",
    "rain/scale.py": b"try:\n    import fastmath\nexcept ImportError:\n    fastmath = None\n\n\n"
    b"def scale(x):\n    return x\n",
    "rain/unused.py": b"",
    "modelkiln/runtime/__main__.py": b"import numbers\n",
}
_WHEELS = (
    # name, version, requires
    ("cloudlib", "1.4", ("tinylib>=1", 'gpulib; extra == "gpu"', 'winlib; sys_platform == "win32"')),
    ("tinylib", "1.0", ()),
    ("gpulib", "3.0", ("tinylib",)),
    ("fastmath", "0.9", ()),
    ("plugin", "2.0", ()),
)
_DEBS = (
    ("libdemo1", "Depends: libbase6 (>= 2), libvirtual | libother\n"),
    ("libbase6", ""),
    ("libreal", "Provides: libvirtual\n"),
)


class Described:
    """Writes NAME.oci and NAME.package.json into `folder`, with a store next to them.

    code: path -> bytes. versions: of wheels, by name. metadata, signature, version: of the record. has_wheels: whether
    the store keeps the wheels, beside the layers that are made of them. environments: of an `ensemble`, versions of
    wheels by the paths of those that it has beside its own.
    """

    def __init__(self, folder, name="rain", code=None, versions=None, has_wheels=True, environments=None, **more):
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(folder / "store")
        self.store.root.mkdir(exist_ok=True)
        self.layout, self.record_path = folder / f"{name}.oci", folder / f"{name}.package.json"
        self._code = {**CODE, **(code or {})}
        weights = b"weights of rain" * 200
        pins = self._put_wheels({**{name: version for name, version, _ in _WHEELS}, **(versions or {})})
        others = {path: self._put_wheels(wheels) for path, wheels in (environments or {}).items()}
        if others:
            listed = {path: {"requirements": wheels} for path, wheels in others.items()}
            more["ensemble"] = {**more["ensemble"], "environments": listed}
        base = debian.build(self._base_recipe(), self.store)
        (folder / "weights.bin").write_bytes(weights)
        made = [
            self._small("weights", {"rain.bin": weights}),
            venv_layer("3.11", "/usr/bin/python3.11", over_any_base=False),
            *((self._wheels([one]), None) for one in pins[:1]),
            (self._wheels(pins[1:]), None),
            *((self._wheels(wheels, path), None) for path, wheels in others.items()),
            self._small("code", self._code),
        ]
        inputs = self._inputs(weights, pins, base, [base, *(layer for layer, _ in made[1:-1])], more)
        self.record = make_record(inputs).to_json()
        made.append(record_layer(json.dumps(self.record).encode()))
        self._write(base, made)
        if not has_wheels:
            for one in (*pins, *(one for wheels in others.values() for one in wheels)):
                self.store.path(f"sha256:{one['sha256']}").unlink()

    def _put_wheels(self, versions):
        pins = []
        for name, _, requires in _WHEELS:
            if name in versions:
                data = make_wheel(name, versions[name], self._files(name), requires)
                self.store.add_bytes(data)
                facts = {"size": len(data), "unpacked_size": 1000 * len(pins) + 500}
                pins.append({**pin(data, name, versions[name]), **facts})
        return pins

    def _files(self, name):
        return {f"{name}/__init__.py": b"VALUE = 1\n", f"{name}/part.py": b"x = 2\n" * 50}

    def _base_recipe(self):
        packages = []
        for name, relations in _DEBS:
            control = f"Package: {name}\nVersion: 2.0\nArchitecture: all\nInstalled-Size: 8\nMaintainer: N <n@e.org>\n"
            member = (f"./usr/lib/{name}.so", name.encode() * 100)
            data = make_deb([member], name, control=f"{control}{relations}Description: made in a test\n")
            self.store.add_bytes(data)
            packages.append({**locked(data, name, "2.0")})
        lock = {"schema": 1, "suite": "bookworm", "architecture": "amd64", "packages": sorted(packages, key=_name)}
        return debian.recipe(lock, "zstd")

    def _wheels(self, pins, venv=VENV):
        return wheels.build(wheels.recipe(pins, "3.11", "linux/amd64", "zstd", venv=venv), self.store)

    def _small(self, kind, contents):
        listed = [
            PinnedFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in contents.items()
        ]
        return files.build_small(files.recipe(kind, kind, "none", listed), contents)

    def _inputs(self, weights, pins, base, pinned, more):
        tensor = {"name": "clouds", "datatype": "FP32", "shape": [-1, 4]}
        settings = Settings({"PATH": "/opt/venv/bin"}, ["/opt/venv/bin/python", "-m", "modelkiln.runtime"])
        config = settings_config(("PATH=/usr/bin",), settings)
        return {
            "name": "rain",
            "version": "1.0.0",
            "variant": {"accelerator": "cpu", "platform": "linux/amd64", "python": "3.11"},
            "entry_point": "rain.forecast:predict",
            "signature": {"inputs": [tensor], "outputs": [{"name": "rain", "datatype": "FP32", "shape": [-1]}]},
            "artifacts": [_file("rain.bin", weights, format="unknown")],
            "code": [_file(path, data) for path, data in sorted(self._code.items())],
            "requirements": pins,
            "base": {"debian": "bookworm", "lock": base.diff_id},
            "metadata": {"license": "MIT", "authors": "Ada <script>", "metrics": {"auc": "0.91"}},
            "entrypoint": [],
            "weights": "bundled",
            "weights_lock": None,
            "image": {"config": config, "diff_ids": [layer.diff_id for layer in pinned]},
            **more,
        }

    def _write(self, base, made):
        settings = Settings({"PATH": "/opt/venv/bin"}, ["/opt/venv/bin/python", "-m", "modelkiln.runtime"])
        noted = labels(self.record)
        settings = Settings(settings.env, settings.entrypoint, labels=noted, annotations=noted)
        layers = [layer for layer, _ in made]
        image = build_image(Base((base,), "amd64", "linux", ("PATH=/usr/bin",)), layers, settings)
        blobs = {layer.descriptor.digest: data for layer, data in made if data is not None}
        for layer in (base, *layers):
            if layer.descriptor.digest not in blobs:
                blobs[layer.descriptor.digest] = self.store.path(layer.descriptor.digest).read_bytes()
        blobs[image.manifest_descriptor.digest] = image.manifest
        blobs[image.config_descriptor.digest] = image.config
        write_layout(self.layout, layout_files(image.manifest_descriptor, blobs, {REF_NAME: self.record["version"]}))
        formats = {"oci": {"path": self.layout.name, "manifest": image.manifest_descriptor.to_json()}}
        self.record = with_outputs(self.record, formats, [layer.to_json() for layer in (base, *layers)])
        Path(self.record_path).write_text(json.dumps(self.record))


def two_environments(folder, **more):
    """An ensemble of two members, of which `old` has code and an environment of its own."""
    code = {
        "modelkiln/runtime/ensemble/script.py": b"",
        ".modelkiln/members/old/predict.py": b"import scale\n",
        ".modelkiln/members/old/scale.py": b"from cloudlib import part\n",
    }
    old = {"entry_point": "predict:predict", "code": ".modelkiln/members/old", "environment": OTHER}
    described = {"name": "old", "version": "1.0", "package_digest": "sha256:" + "1" * 64}
    members = {"rain": {**described, "entry_point": "rain.forecast:predict"}, "old": {**described, **old}}
    return Described(
        folder,
        code=code,
        entry_point="modelkiln.runtime.ensemble.script:Ensemble",
        ensemble={"members": members, "steps": []},
        environments={OTHER: {"cloudlib": "0.9", "tinylib": "0.1"}},
        **more,
    )


def _name(package):
    return package["name"]


def _file(path, data, **more):
    return {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **more}
