"""A model of one Identity, for each version of the format and of the operators."""

import onnxruntime


def _varint(number):
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes((*data, number))


def _bytes(field, data):
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _model(ir, opset, domain=b""):
    def value(name):
        shape = _bytes(2, _bytes(1, _number(1, 1)))
        return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + shape))

    node = _bytes(1, b"x") + _bytes(2, b"y") + _bytes(4, b"Identity")
    graph = _bytes(1, node) + _bytes(2, b"g") + _bytes(11, value(b"x")) + _bytes(12, value(b"y"))
    opsets = _bytes(8, (_bytes(1, domain) if domain else b"") + _number(2, opset))
    return _number(1, ir) + _bytes(7, graph) + opsets + (_bytes(8, _number(2, 15)) if domain else b"")


def write_for_all(folder):
    """Write models that differ in one version each."""
    for ir in range(7, 16):
        (folder / f"ir-{ir}.onnx").write_bytes(_model(ir, 11))
    for opset in range(15, 30):
        (folder / f"opset-{opset}.onnx").write_bytes(_model(8, opset))
    for opset in range(2, 6):
        (folder / f"ml-{opset}.onnx").write_bytes(_model(7, opset, b"ai.onnx.ml"))


def read(path):
    """Whether it loads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return True
