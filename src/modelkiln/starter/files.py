"""The files with which a package begins: BUILD, inference script, signature, request, and pants.toml where none is."""

import json
import re
from typing import Any, Mapping, Optional

from modelkiln import __version__
from modelkiln.errors import ModelkilnError
from modelkiln.starter.artifact import Artifact
from modelkiln.starter.repository import Repository

__all__ = ["starter_files"]

_PANTS_TOML = """\
[GLOBAL]
pants_version = "2.17.1"
plugins = ["modelkiln=={version}"]
backend_packages = ["pants.backend.python", "pants_modelkiln"]
[python]
interpreter_constraints = ["CPython==3.11.*"]
"""
_ONNX = '''\
"""Answer requests with the ONNX model {file}."""

import functools

import onnxruntime


@functools.lru_cache(maxsize=None)
def _session(path):
    return onnxruntime.InferenceSession(path)


def predict(inputs, model):
    """Return the outputs by name. inputs: arrays by name. model: the folder of the artifact's files."""
    session = _session(str(model / "{file}"))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))
'''
_SAFETENSORS = '''\
"""Answer requests with the tensors of {file}:

{tensors}
"""

from safetensors.numpy import load_file


class Predictor:
    """Loads the tensors once."""

    def __init__(self, model):
        """Load them from the folder of the artifact's files."""
        self.tensors = load_file(model / "{file}")

    def predict(self, inputs):
        """Return the outputs by name. inputs: arrays by name."""
        # Replace this by the model, and signature.json and request.json with it.
        return {{"y": inputs["x"]}}
'''
# Of each kind: the script, what of it is called, and what it imports.
_KINDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "onnx": (_ONNX, "predict", ("numpy", "onnxruntime")),
    "safetensors": (_SAFETENSORS, "Predictor", ("numpy", "safetensors")),
}
_SHOWN = 40
# What the texts above take; others would have to be written in another way in each of them.
_FILE_NAME = re.compile(r"[\w. +@=,-]+")


def starter_files(artifact: Artifact, name: str, repository: Optional[Repository]) -> dict[str, str]:
    """Return the files to write by their names; "pants.toml" belongs into the root, the others beside the artifact.

    name: of the package. repository: None where there is none yet; else its base and its requirements are used. Raises
    ModelkilnError for a name that another target has, and for file names that texts cannot hold.
    """
    if name in ("base", "code", "smoke", "weights", *_KINDS[artifact.kind][2]):
        raise ModelkilnError(f"--name {name}: another target of the BUILD file has it. Choose another one.")
    for one in artifact.files:
        if not _FILE_NAME.fullmatch(one.replace("/", "")):
            raise ModelkilnError(f"{one!r}: has a character in its name that BUILD files need escapes for. Rename it.")
    script, called, imports = _KINDS[artifact.kind]
    listed = [f"{tensor}: {what}" for tensor, what in artifact.tensors.items()]
    more = [f"and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
    text = script.format(file=artifact.files[0], tensors="\n".join([*listed[:_SHOWN], *more]))
    return {
        **({} if repository else {"pants.toml": _PANTS_TOML.format(version=__version__)}),
        "BUILD": _build(artifact, name, called, imports, repository or Repository()),
        "predict.py": text,
        "signature.json": _readable(artifact.signature),
        "request.json": json.dumps(artifact.request, ensure_ascii=False) + "\n",
    }


def _readable(signature: Mapping[str, Any]) -> str:
    """A signature with a line for each tensor."""
    sides = []
    for side in ("inputs", "outputs"):
        lines = ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in signature[side])
        sides.append(f'"{side}": [\n{lines}\n]')
    return "{" + ", ".join(sides) + "}\n"


def _build(artifact: Artifact, name: str, called: str, imports: tuple[str, ...], repository: Repository) -> str:
    source = json.dumps(artifact.files[0] if len(artifact.files) == 1 else list(artifact.files), ensure_ascii=False)
    base, lines = repository.base, []
    if not repository.has_base and not base:
        packages = f"modelkiln:python{repository.python}"
        lines.append(f'oci_base_image(name="base", packages="{packages}", lock="base.lock.json")')
        base = ":base"
    missing = [one for one in imports if not repository.requires(one)]
    lines += [f'python_requirement(name="{one}", requirements=["{one}"])' for one in missing]
    lines += [
        'python_sources(name="code")',
        f'model_artifact(name="weights", source={source})',
        "model_package(",
        f"    name={json.dumps(name)},",
        f'    entry_point="predict.py:{called}",',
        '    artifacts=[":weights"],',
        '    signature="signature.json",',
        *([] if repository.has_base else [f'    base_image="{base}",']),
        '    version="0.1.0",',
        ")",
        "model_smoke_test(",
        '    name="smoke",',
        f"    package={json.dumps(':' + name)},",
        '    request="request.json",',
        '    expected="response.json",',
        "    rtol=1e-3,  # Sums round otherwise on another processor.",
        "    atol=1e-6,",
        ")",
    ]
    return "".join(f"{line}\n" for line in lines)
