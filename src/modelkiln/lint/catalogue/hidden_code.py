"""MK7xx: code that lies in the files of a model, and calls that run it."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import Rule

__all__ = ["OF_KIND", "PICKLE", "PYTHON", "RULES", "UNPICKLED_DOWNLOAD", "UNSAFE_LOAD"]

_WHY = (
    "The file is reviewed as weights and runs as code. The field `allow_code` of the artifact allows it by name, the "
    "record names it, and who loads the model should know."
)


def _rule(id: str, name: str, summary: str, remedy: str, code: str, severity: str = WARNING, why: str = _WHY) -> Rule:
    bad = f"models/file.bin has the code {code}\n"
    return Rule(id, name, severity, summary, why, remedy, bad, "models/file.bin: weights\n", language="package")


TEMPLATE = _rule(
    "MK701",
    "chat-template",
    "A tokenizer or a GGUF file has a chat template, which is a program in Jinja.",
    "Read it, and pin the revision that was read.",
    "jinja:chat_template",
    why="Most models for chat have one, and it runs in a sandbox. What it adds to a prompt is part of what the model "
    "answers, and does not show in the weights.",
)
UNSAFE_TEMPLATE = _rule(
    "MK702",
    "unsafe-template",
    "A chat template reaches out of Jinja's sandbox.",
    "Correct the template, or leave the file out.",
    "jinja-unsafe:chat_template",
    ERROR,
)
IMPORTED = _rule(
    "MK703",
    "imported-code",
    "A configuration names modules that its loader imports: auto_map, objects of Keras, types of skops, YAML tags.",
    "Put the code into the package, where it is reviewed, and save the model without the name.",
    "auto-map:modeling.Net",
)
LAMBDA = _rule(
    "MK704",
    "keras-lambda",
    "A model of Keras has a Lambda layer, which is byte code of Python.",
    "Write the layer as a class of the package's code, and save the model again.",
    "keras-lambda:scale",
)
TORCHSCRIPT = _rule(
    "MK705",
    "torchscript",
    "A file of torch has code: TorchScript, or a package of torch.package.",
    "Export the model to ONNX or save its weights as safetensors, with the code in the package.",
    "torchscript:model.pt",
)
OPERATORS = _rule(
    "MK706",
    "onnx-operators",
    "A model uses operators that ONNX lacks, which take a library of their own.",
    "Export the model with operators of ONNX, or lock the library and register it in the inference script.",
    "onnx-domain:com.example",
)
PROGRAM = _rule(
    "MK707",
    "program-in-artifact",
    "There is a program, a library, a script or byte code of Python among the weights.",
    "Leave the file out, or make it a dependency of the package.",
    "program:tool",
)
PYTHON = Rule(
    "MK708",
    "python-beside-weights",
    WARNING,
    "There is Python code among the files of a model artifact.",
    "Loaders import it by its place, such as transformers with trust_remote_code; imports are not checked, nothing is "
    "compiled, and reviewers look at the package's sources.",
    "Make it a source of the package, or leave it out.",
    bad="models/modeling_net.py: class Net: ...\n",
    good="models/config.json: {}\n",
    language="package",
)
PICKLE = Rule(
    "MK709",
    "pickle",
    WARNING,
    "A file is a pickle, or holds one: loading it runs what it names.",
    "A pickle is a program. `allow_pickle` holds it to a list of names, and skew between releases shows in pickles "
    "first.",
    "Save the model as safetensors, ONNX or skops.",
    bad="models/model.pkl is a pickle\n",
    good="models/labels.json: []\n",
    language="package",
)
UNPICKLED_DOWNLOAD = Rule(
    "MK710",
    "unpickled-download",
    ERROR,
    "A pickle is loaded from the network.",
    "A pickle is a program: those who can change the server, or what lies between, run code in the package.",
    "Put the file into a model artifact, which pins it and checks its pickles, or fetch JSON or safetensors.",
    bad="import pickle\n\nimport requests\n\n\ndef predict(inputs, model):\n"
    '    return pickle.loads(requests.get("https://example.com/model.pkl").content)\n',
    good="import pickle\n\n\ndef predict(inputs, model):\n"
    '    return pickle.loads((model / "model.pkl").read_bytes())\n',
)
UNSAFE_LOAD = Rule(
    "MK711",
    "unsafe-load",
    WARNING,
    "A loader is asked to run what a file names: allow_pickle=True of numpy, weights_only=False of torch, "
    "safe_mode=False of Keras, allow_dangerous_deserialization=True of LangChain.",
    "The file is then a program, and those who can replace it run code in the package. Without the option they load "
    "arrays and tensors.",
    "Save arrays and tensors alone, as safetensors for one, and leave the option out.",
    bad="import numpy\n\n\ndef predict(inputs, model):\n"
    '    return numpy.load(model / "table.npy", allow_pickle=True)\n',
    good='import numpy\n\n\ndef predict(inputs, model):\n    return numpy.load(model / "table.npy")\n',
)
# By the kind of an entry of code (see modelkiln.checks.code.names).
OF_KIND = {
    "auto-map": IMPORTED,
    "jinja": TEMPLATE,
    "jinja-unsafe": UNSAFE_TEMPLATE,
    "keras-lambda": LAMBDA,
    "keras-module": IMPORTED,
    "mlflow-loader": IMPORTED,
    "onnx-domain": OPERATORS,
    "program": PROGRAM,
    "pyc": PROGRAM,
    "script": PROGRAM,
    "skops-type": IMPORTED,
    "torch-package": TORCHSCRIPT,
    "torchscript": TORCHSCRIPT,
    "yaml-tag": IMPORTED,
}
RULES = (TEMPLATE, UNSAFE_TEMPLATE, IMPORTED, LAMBDA, TORCHSCRIPT, OPERATORS, PROGRAM, PYTHON, PICKLE,
         UNPICKLED_DOWNLOAD, UNSAFE_LOAD)  # fmt: skip
