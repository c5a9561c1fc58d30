"""MK5xx: what travels with every copy of a package and is of no use there."""

from modelkiln.lint.finding import WARNING
from modelkiln.lint.rule import package_rule

__all__ = [
    "CACHE", "DATA", "DUPLICATE", "IMAGES", "PRECISIONS", "RULES", "TOOL", "TRAINER", "TRAINING_CODE", "TRAINING_STATE",
    "TWO_FORMATS", "UNUSED",
]  # fmt: skip

_EXCLUDE = "Leave it out: `exclude` of a locked artifact, or `!` in `source`"


TOOL = package_rule(
    "MK501",
    "development-tool",
    WARNING,
    "The closure has a tool of development, such as pytest, Jupyter or IPython, that the code does not import.",
    "It is installed in every copy, with all that it needs, and what it needs has advisories of its own. What another "
    "distribution requires cannot simply be left out: the rule names it, and is not sure.",
    "Take it out of the requirements of inference; where another distribution requires it, look for one "
    "without, such as "
    "a core or minimal extra.",
    "lock: numpy==2.4.6\nlock: pytest==8.4.0\n",
    "lock: numpy==2.4.6\n",
)
TRAINER = package_rule(
    "MK502",
    "training-library",
    WARNING,
    "The closure has a library of training, tracking or plotting that the code does not import.",
    "Answering a request takes neither TensorBoard nor an optimizer. A library may import another one by "
    "itself, so that "
    "the rule is not sure.",
    "Lock inference apart from training, with the requirements that the inference script imports.",
    "lock: numpy==2.4.6\nlock: tensorboard==2.20.0\n",
    "lock: numpy==2.4.6\n",
)
UNUSED = package_rule(
    "MK503",
    "unused-requirement",
    WARNING,
    "Neither the code nor another distribution, nor a pickle, uses a distribution of the closure.",
    "It was needed once, or is needed by training alone. What is loaded as a plugin or by a computed name does "
    "not show, "
    "so that the rule is not sure.",
    "Take it out of the requirements.",
    'lock: numpy==2.4.6\nlock: pandas==2.3.0\npredict.py: import numpy\nrecord.version: "1.2.0"\n',
    'lock: numpy==2.4.6\npredict.py: import numpy\nrecord.version: "1.2.0"\n',
)
TRAINING_CODE = package_rule(
    "MK504",
    "training-code",
    WARNING,
    "A script of training, a notebook or a test travels in the package.",
    "It cannot run there, and what it imports may be why the closure is large. That it is one is guessed from "
    "its name.",
    "Split what the inference script imports of it into a module of its own.",
    "predict.py: import numpy\nmodels/train.ipynb: {}\n",
    "predict.py: import numpy\n",
)
DATA = package_rule(
    "MK505",
    "dataset",
    WARNING,
    "There is a data set among the files of the model.",
    "Training data make a package large, and may hold what may not be published. Small tables may be lookup "
    "tables: CSV "
    "and JSON lines count from 1 MiB on, and the rule is not sure.",
    f"{_EXCLUDE}.",
    "models/train.parquet (64 KiB)\n",
    "models/labels.csv (2 KiB)\n",
)
IMAGES = package_rule(
    "MK506",
    "images",
    WARNING,
    "There are many or large images among the files of the model.",
    "They are samples of training, or pictures of a README. From 20 images or 10 MiB on.",
    f"{_EXCLUDE}.",
    "models/samples/1.png (11 MiB)\n",
    "models/architecture.png (64 KiB)\n",
)
TRAINING_STATE = package_rule(
    "MK507",
    "training-state",
    WARNING,
    "A checkpoint has the state of an optimizer, a scheduler or a trainer.",
    "Adam's state is twice as large as the weights, and inference never reads it. It is found by names of files, of "
    "tensors, and of the keys of a pickled checkpoint.",
    "Save the weights alone: save_file(model.state_dict(), ...), or exclude the files.",
    "models/optimizer.pt: state\n",
    "models/model.bin: weights\n",
)
TWO_FORMATS = package_rule(
    "MK508",
    "weights-in-two-formats",
    WARNING,
    "The same weights are there in two formats, such as pytorch_model.bin next to model.safetensors.",
    "A loader reads one, and the package has all. That they are the same is guessed from their names.",
    f"{_EXCLUDE} the format that the inference script does not load.",
    "models/model.safetensors: weights\nmodels/pytorch_model.bin: weights\n",
    "models/model.safetensors: weights\nmodels/config.json: {}\n",
)
PRECISIONS = package_rule(
    "MK509",
    "several-precisions",
    WARNING,
    "One model is there in several precisions or quantizations.",
    "A loader reads one. Which belong together is guessed from their names.",
    f"{_EXCLUDE} those that the inference script does not load, or make a package for each.",
    "models/model.onnx: weights\nmodels/model_fp16.onnx: weights\n",
    "models/model_fp16.onnx: weights\n",
)
CACHE = package_rule(
    "MK510",
    "cache",
    WARNING,
    "There is a cache, a log or a history among the files: .git, __pycache__, .ipynb_checkpoints, wandb, mlruns.",
    "A history holds every earlier version, and secrets that were taken out of later ones.",
    f"{_EXCLUDE}.",
    "models/.git/config: [core]\n",
    "models/config.json: {}\n",
)
DUPLICATE = package_rule(
    "MK511",
    "duplicate-file",
    WARNING,
    "Two files of the model have the same content.",
    "Layers hold each of them. From 64 KiB on.",
    f"{_EXCLUDE} one of them.",
    "models/a/model.onnx (128 KiB)\nmodels/b/model.onnx (128 KiB)\n",
    "models/a/model.onnx (128 KiB)\nmodels/b/other.onnx (192 KiB)\n",
)
RULES = (
    TOOL, TRAINER, UNUSED, TRAINING_CODE, DATA, IMAGES, TRAINING_STATE, TWO_FORMATS, PRECISIONS, CACHE, DUPLICATE,
)  # fmt: skip
