"""What a package carries in place of weights that are fetched when it starts."""

from __future__ import annotations

from typing import Sequence

from pants.engine.addresses import Address

from modelkiln.errors import ModelkilnError
from modelkiln.package.lazy_weights import lazy_document
from modelkiln.runtime.weights.progress import readable_size
from pants_modelkiln.inputs.artifact import Artifact
from pants_modelkiln.package.field_set import ModelPackageFieldSet


def lazy_lock(field_set: ModelPackageFieldSet, artifacts: tuple[Artifact, ...]) -> bytes:
    """The lock that a package with lazy weights has, else b""."""
    address, mirrors, on_demand = field_set.address, field_set.weights_mirrors, field_set.on_demand
    if field_set.weights.value != "lazy":
        for field in (mirrors, on_demand):
            if field.value:
                raise ModelkilnError(f'{address}: the field `{field.alias}` is for weights="lazy" alone. Remove it.')
        return b""
    for found in artifacts:
        if found.requests and not found.origin:
            raise ModelkilnError(
                f'{address}: weights="lazy": {found.address} has no lock that says where its files can be fetched. '
                f'Give it one (lock="{found.address.target_name}.lock.json", then `pants lock {found.address}`), '
                'or bundle the weights (weights="bundled").'
            )
    if not artifacts:
        raise ModelkilnError(f'{address}: weights="lazy": the field `artifacts` is empty, there is nothing to fetch.')
    return _document(artifacts, str(address), mirrors.value or (), on_demand.value or ())


def wheel_lock(address: Address, artifacts: tuple[Artifact, ...], limit: int) -> bytes:
    """The lock that a wheel has in place of bundled weights of more than `limit` bytes, else b""."""
    size = sum(found.size for found in artifacts)
    if size <= limit:
        return b""
    where = (
        f"{address}: its model artifacts have {readable_size(size)}, and a wheel bundles at most {readable_size(limit)}"
        " ([modelkiln].large_blob_limit); of more it has the lock, and fetches them"
    )
    for found in artifacts:
        if found.requests and not found.origin:
            raise ModelkilnError(
                f"{where}. {found.address} has none. Give it one "
                f'(lock="{found.address.target_name}.lock.json", then `pants lock {found.address}`), or leave "wheel" '
                "out of `formats`."
            )
    return _document(artifacts, where)


def _document(
    artifacts: tuple[Artifact, ...], where: str, mirrors: Sequence[str] = (), on_demand: Sequence[str] = ()
) -> bytes:
    """What to fetch; the signatures of models are small, and lie in it."""
    layers = [layer for found in artifacts for layer in found.layers]
    signatures = [one.signature for one in artifacts if one.signature]
    return lazy_document(layers, where, mirrors, on_demand, signatures)
