"""MK4xx: what nobody can find out about a model."""

from modelkiln.lint.finding import WARNING
from modelkiln.lint.rule import package_rule

__all__ = [
    "BYTES", "METRICS", "NO_AUTHORS", "NO_LICENSE", "NO_LINEAGE", "NO_SIGNATURE", "RULES", "UNKNOWN_FORMAT", "UNNAMED",
    "UNVERSIONED",
]  # fmt: skip

_SIGNATURE = '{"inputs": [{"name": "%s", "datatype": "%s", "shape": [-1]}], "outputs": []}'


NO_SIGNATURE = package_rule(
    "MK401",
    "no-signature",
    WARNING,
    "The package does not declare its inputs and outputs.",
    "A caller has to read the model's code, and a request is not checked before it reaches the model.",
    "Write a signature.json, and name it in the field `signature`.",
    'record.signature: {"inputs": [], "outputs": []}\n',
    f"record.signature: {_SIGNATURE % ('age', 'FP32')}\n",
)
UNNAMED = package_rule(
    "MK402",
    "unnamed-input",
    WARNING,
    "An input or output is called by a number, as exporters call what nobody named.",
    "`input_1` does not say what goes in, and another export gives it another number. That a name is generated is "
    "guessed from how it looks.",
    "Name the tensor when the model is exported, or map the name in the inference script.",
    f"record.signature: {_SIGNATURE % ('input_1', 'FP32')}\n",
    f"record.signature: {_SIGNATURE % ('age', 'FP32')}\n",
)
BYTES = package_rule(
    "MK403",
    "undescribed-bytes",
    WARNING,
    "A tensor is of BYTES, and no text of the metadata mentions it.",
    "BYTES may be a text in some encoding, an image in some format, or a serialised object. The rule looks for the "
    "tensor's name in the texts of `metadata`.",
    "Say in `metadata`, in its description for one, what the bytes are.",
    f"record.signature: {_SIGNATURE % ('photo', 'BYTES')}\nrecord.metadata: {{}}\n",
    f"record.signature: {_SIGNATURE % ('photo', 'BYTES')}\n"
    'record.metadata: {"description": "photo is a JPEG of one leaf.", "authors": "A", "license": "MIT", '
    '"lineage": {"datasets": ["leaves-2024"]}}\n',
)
_KNOWN = '"authors": "Ada Example", "license": "Apache-2.0", "lineage": {"datasets": ["leaves-2024"]}'
NO_AUTHORS = package_rule(
    "MK404",
    "no-authors",
    WARNING,
    "The metadata names no authors.",
    "Nobody knows whom to ask about the model.",
    "Add `authors` to the field `metadata`.",
    'record.metadata: {"license": "Apache-2.0", "lineage": {"datasets": ["leaves-2024"]}}\n',
    f"record.metadata: {{{_KNOWN}}}\n",
)
NO_LICENSE = package_rule(
    "MK405",
    "no-license",
    WARNING,
    "The metadata names no license.",
    "Whether the model may be used for a purpose cannot be decided, nor by a policy of a registry.",
    "Add `license`, an SPDX expression such as Apache-2.0, to the field `metadata`.",
    'record.metadata: {"authors": "Ada Example", "lineage": {"datasets": ["leaves-2024"]}}\n',
    f"record.metadata: {{{_KNOWN}}}\n",
)
UNVERSIONED = package_rule(
    "MK406",
    "no-version",
    WARNING,
    "The version is 0.0.0, or is a word such as latest.",
    "Two packages of different content have one name, and a log that names the version names neither.",
    "Set the field `version`, and raise it with the model.",
    'record.version: "0.0.0"\n',
    'record.version: "1.2.0"\n',
)
NO_LINEAGE = package_rule(
    "MK407",
    "no-lineage",
    WARNING,
    "Neither the metadata nor a locked source says what the model was made from.",
    "A fault of the data, or a license of the base model, cannot be followed to the models that have it.",
    "Add `lineage` to the field `metadata`: the data sets, the base model, the run or the script of the training.",
    'record.metadata: {"authors": "Ada Example", "license": "Apache-2.0"}\n',
    f"record.metadata: {{{_KNOWN}}}\n",
)
METRICS = package_rule(
    "MK408",
    "metrics-without-dataset",
    WARNING,
    "The metadata has metrics and does not say on which data they were measured.",
    "A number without its data compares with no other number.",
    "Name the data next to the metrics, or in `lineage` as `datasets`.",
    'record.metadata: {"authors": "Ada Example", "license": "MIT", "lineage": {"script": "train.py"}, '
    '"metrics": {"accuracy": "0.98"}}\n',
    f'record.metadata: {{{_KNOWN}, "metrics": {{"accuracy": "0.98"}}}}\n',
)
UNKNOWN_FORMAT = package_rule(
    "MK409",
    "unknown-format",
    WARNING,
    "A large file of the model has a format that no check knows.",
    "Nobody sees what is in it, whether it is whole, or what can read it. Texts, images and files below 1 MiB are not "
    "reported; of a format that is known elsewhere the rule is not sure.",
    "Save the model in a format such as safetensors or ONNX, or say in the metadata what the file is.",
    "models/model.weights (4 MiB)\n",
    'models/labels.json: ["cat", "dog"]\n',
)
RULES = (
    NO_SIGNATURE, UNNAMED, BYTES, NO_AUTHORS, NO_LICENSE, UNVERSIONED, NO_LINEAGE, METRICS, UNKNOWN_FORMAT,
)  # fmt: skip
