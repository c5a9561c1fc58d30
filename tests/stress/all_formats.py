"""A monorepo with a package in each format, and what it needs from the network in two folders."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping

from elsewhere import known_pythons
from monorepo import ROOT, Monorepo, environment, small_monorepo

from modelkiln.store.files import StoredFile
from modelkiln.weights.layer_digest import hash_layer
from modelkiln.weights.lock import LockedFile, LockedLayer, WeightsLock

__all__ = ["offline", "write_all_formats"]

_SCRIPT = 'entry_point="rain.forecast:predict", signature="signature.json", version="0.1.0"'
_BUILD = f"""
python_sources(name="code")
model_artifact(name="weights", source="factor.txt")
model_artifact(name="locked", source="https://example.com/factor.txt", lock="factor.lock.json")
BESIDE = ["pex", "oci", "artifact", "weights-image"]
model_package(name="whole", {_SCRIPT}, artifacts=[":weights"], layout="packed", formats=BESIDE)
model_package(name="zipped", {_SCRIPT}, artifacts=[":weights"], layout="zipapp", formats=["pex"])
model_package(name="sidecar", {_SCRIPT}, artifacts=[":weights"], weights="sidecar", formats=BESIDE)
model_package(name="lazy", {_SCRIPT}, artifacts=[":locked"], weights="lazy", formats=["pex", "oci"])
model_package(
    name="wheel", {_SCRIPT}, artifacts=[":weights"], formats=["wheel"], distribution="acme-rain",
)
model_package(
    name="many", {_SCRIPT}, artifacts=[":weights"], formats=["oci"], accelerator=parametrize("cpu", "cuda12"),
)
model_index(name="all", packages=[":many@accelerator=cpu", ":many@accelerator=cuda12"])
model_ensemble(
    name="both",
    members={{"one": ":whole", "two": ":zipped"}},
    steps=[
        {{"model_name": "one", "input_map": {{"clouds": "clouds"}}, "output_map": {{"amount": "first"}}}},
        {{"model_name": "two", "input_map": {{"clouds": "clouds"}}, "output_map": {{"amount": "amount"}}}},
    ],
    signature="both.json",
    formats=["oci", "pex"],
)
"""
_RESOLVES = 'python-default = "locks/python.txt"\ncuda12 = "locks/cuda12.txt"\n'


def write_all_formats(folder: Path) -> Monorepo:
    """Make the monorepo in `folder`: bundled, beside and fetched weights, both PEX layouts, an index, an ensemble."""
    repo = small_monorepo(folder, umask=0o022)
    repo.replace("pants.toml", _RESOLVES.partition("cuda12")[0], _RESOLVES)
    repo.write("locks/cuda12.txt", repo.read("locks/python.txt"))
    repo.write("locks/cuda12.in", "numpy\n")
    other = 'python_requirements(name="cuda12", source="cuda12.in", resolve="cuda12")\n'
    repo.write("locks/BUILD", repo.read("locks/BUILD") + other)
    repo.write("BUILD", '__defaults__({python_sources: dict(resolve=parametrize("python-default", "cuda12"))})\n')
    repo.write("rain/BUILD", _BUILD)
    repo.write("rain/forecast.py", "import rain.parts\n" + repo.read("rain/forecast.py"))
    names = ("zeta", "Alpha", "ülle", "z_last", "šaht", "\u0131", "I")  # Whose order and case depend on a locale.
    repo.write("rain/parts/__init__.py", "".join(f"from rain.parts import {name}\n" for name in names))
    for name in names:
        repo.write(f"rain/parts/{name}.py", f"NAME = {name!r}\n")
    repo.write("rain/parts/BUILD", "python_sources()\n")
    signature = json.loads(repo.read("rain/signature.json"))
    (amount,) = signature["outputs"]
    repo.write("rain/both.json", json.dumps({**signature, "outputs": [{**amount, "name": "first"}, amount]}))
    sha256 = hashlib.sha256(b"0.5").hexdigest()
    source = {"uri": "https://example.com/factor.txt", "revision": "", "include": ["*"], "exclude": []}
    layer = hash_layer("models", [("factor.txt", StoredFile(str(repo.root / "rain/factor.txt"), sha256, 3))], "rain")
    layers = (LockedLayer(layer.digest, layer.size, ("factor.txt",)),)
    lock = WeightsLock(source, (LockedFile("factor.txt", sha256, 3, format="unknown"),), layers)
    repo.write("rain/factor.lock.json", lock.to_text())
    return repo


def offline(repo: Monorepo, folder: Path) -> Dict[str, str]:
    """Fetch into `folder` all that the monorepo's packages are made of; return variables for a build that takes it from
    there alone, with no network and no daemon."""
    env = environment()
    env["XDG_CACHE_HOME"] = env.get("XDG_CACHE_HOME") or f"{env['HOME']}/.cache"  # The launcher's install.
    wheels, debs = folder / "wheels", folder / "debs"
    tool = ROOT / "rules/pants_modelkiln/tool.txt"
    wanted = [(sys.executable, repo.root / "locks/python.txt"), *((python, tool) for python in _pythons(env))]
    for python, lock in wanted:
        pip = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        subprocess.run([*pip, f"--dest={wheels}", f"--requirement={lock}"], check=True)
    mirror = [sys.executable, "-m", "modelkiln", "mirror", str(repo.root / "images/python.json"), "-o", str(debs)]
    (folder / "store").mkdir()
    engine = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([*mirror, f"--store={folder / 'store'}"], check=True, env=engine)
    return {
        **env,
        **known_pythons(env),
        "PANTS_DYNAMIC_UI": "false",
        "PANTS_MODELKILN_DEBIAN_MIRROR": debs.as_uri(),
        "PANTS_PANTSD": "false",
        "PANTS_PYTHON_REPOS_FIND_LINKS": json.dumps([str(wheels)]),
        "PANTS_PYTHON_REPOS_INDEXES": "[]",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
    }


def _pythons(env: Mapping[str, str]) -> List[str]:
    """What the engine may run under: this Python, and that of the launcher's Pants, where it is in no environment."""
    found = sorted(Path(env["XDG_CACHE_HOME"]).glob("modelkiln/pants/*/bin/python3.9"))
    return [sys.executable, *sorted({str(path.resolve()) for path in found})]
