"""ONNX models with external data, and a program that loads them with the real loaders."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["LOADER", "external_model"]

# Loads the model at its first argument as onnxruntime, onnx and onnx' checker do, and prints one number.
LOADER = """
import sys, numpy, onnx, onnxruntime

onnx.load(sys.argv[1])
onnx.checker.check_model(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(session.run(None, {"x": numpy.ones((1, 2), numpy.float32)})[0].sum())
"""


def external_model(folder, value=2.0, columns=64):
    """Write `model.onnx`, a product with the matrix in `model.onnx_data`; returns the files' bytes by name."""
    matrix = numpy_helper.from_array(numpy.full((2, columns), value, numpy.float32), "w")
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
        for name, size in (("x", 2), ("y", columns))
    ]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", shapes[:1], shapes[1:], [matrix])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    names = ("model.onnx", "model.onnx_data")
    (folder / names[1]).unlink(missing_ok=True)  # Else onnx would write to the end of it.
    onnx.save(model, folder / names[0], save_as_external_data=True, location=names[1], size_threshold=0)
    return {name: (folder / name).read_bytes() for name in names}
