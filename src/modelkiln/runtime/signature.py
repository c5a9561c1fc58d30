"""Whether tensors agree with a signature.

A signature is {"inputs": [spec...], "outputs": [spec...]}, a spec {"name", "datatype", "shape"}
with -1 for a variable dimension, as in the metadata of the Open Inference Protocol v2.
"""

__all__ = ["agrees", "problems"]


def agrees(shape, wanted):
    """Whether `shape` (sizes) is one that `wanted` (sizes, -1 for any) allows."""
    return len(shape) == len(wanted) and all(want in (-1, got) for got, want in zip(shape, wanted))


def problems(specs, tensors, side):
    """Return one sentence for each disagreement of `tensors` with `specs`; empty when they agree.

    tensors: (name, datatype, shape) each, names unique. side: "input" or "output".
    """
    found = {name: (datatype, shape) for name, datatype, shape in tensors}
    sentences = []
    for spec in specs:
        name, datatype, shape = spec["name"], spec["datatype"], list(spec["shape"])
        if name not in found:
            sentences.append(f'{side} "{name}" is missing, want {datatype} {shape}.')
            continue
        got_datatype, got_shape = found[name]
        if got_datatype != datatype:
            sentences.append(f'{side} "{name}" has datatype {got_datatype}, want {datatype}.')
        if not agrees(got_shape, shape):
            sentences.append(f'{side} "{name}" has shape {list(got_shape)}, want {shape}.')
    names = [spec["name"] for spec in specs]
    for name in found:
        if name not in names:
            sentences.append(f'{side} "{name}" is not in the signature, which has {", ".join(names)}.')
    return sentences
