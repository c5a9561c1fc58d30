"""Ensembles in a repository on disk, and what is packaged of them."""

import json
import subprocess

from ensembles.parts import tensor
from monorepo import named_caches

from modelkiln.image.blobs import recorded_layers
from modelkiln.image.layout import Layout
from modelkiln.smoke.runnable_image import open_image, unpacked
from modelkiln.store.store import Store

__all__ = ["fp32", "layers_of", "verify_inside", "write_small"]

SMALL = """
model_ensemble(
    name="{name}",
    members={members},
    steps={steps},
    signature="signature.json",
    formats={formats},
)
model_smoke_test(name="smoke", package=":{name}", request="request.json", expected="response.json")
"""


def fp32(name, shape, data=None):
    """A tensor of a signature, or of a request."""
    return {**tensor(name, "FP32", shape), **({} if data is None else {"data": data})}


def layers_of(repository, name):
    """The digests of an image's layers in dist/."""
    return [blob.digest for blob in Layout(repository.dist / f"{name}.oci").manifest().blobs[1:]]


def verify_inside(repository, name):
    """What `verify` prints inside of an image of dist/, which it must find right."""
    store = Store(named_caches(repository.env) / "modelkiln")
    path = repository.dist / f"{name}.oci"
    image = open_image(path, recorded_layers(path), store)
    with unpacked(image, store) as made:
        command = image.command(made.root, (*image.entrypoint, "verify"), made.mounts)
        done = subprocess.run(command, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def write_small(repository, name, members, steps, answers, formats=("oci",)):
    """Write an ensemble below `name`, with a smoke test. answers: by output, of a sky of 1 and 2."""
    repository.write(f"{name}/BUILD", SMALL.format(name=name, members=members, steps=steps, formats=list(formats)))
    signature = {"inputs": [fp32("sky", [-1, 2])], "outputs": [fp32(output, [-1]) for output in answers]}
    repository.write(f"{name}/signature.json", json.dumps(signature))
    repository.write(f"{name}/request.json", json.dumps({"inputs": [fp32("sky", [1, 2], [1, 2])]}))
    outputs = [fp32(output, [1], [value]) for output, value in answers.items()]
    repository.write(f"{name}/response.json", json.dumps({"outputs": outputs}))
