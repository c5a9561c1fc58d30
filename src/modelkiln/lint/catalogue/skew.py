"""MK8xx: files of models and the releases that read them."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import Rule

__all__ = ["DIFFERS", "NEWER", "NO_READER", "REFUSES", "RULES"]

_LOCK = "Lock a release that reads the file, or write the file again with the release that is locked"

REFUSES = Rule(
    "MK801",
    "reader-refuses",
    ERROR,
    "A file of the model needs another release of its reader than the one that is locked, which refuses it.",
    "The package builds, and fails at its first request. What the file needs is read from its header: the version of "
    "ONNX' format and operators, parts of a tokenizer.json, types of tensors, classes and options of Keras, the "
    "release of scikit-learn, loaders of skops, and the names in a pickle with what joblib and pandas write into "
    "one. It is looked up in a table of releases, of which each row was seen with the real ones.",
    f"{_LOCK}.",
    bad='models/tokenizer.json: {"version": "1.0", "truncation": null, "added_tokens": [], '
    '"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}\n'
    "lock: tokenizers==0.19.1\n",
    good='models/tokenizer.json: {"version": "1.0", "truncation": null, "added_tokens": [], '
    '"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}\n'
    "lock: tokenizers==0.19.1\n",
    language="package",
)
DIFFERS = Rule(
    "MK802",
    "reader-differs",
    ERROR,
    "The locked release reads a file of the model without an error, and answers differently than the one that "
    "wrote it.",
    "Nothing fails, and the answers are wrong: XGBoost before 3.1 takes the base score of a newer model for another "
    "number. The rows of the table were seen with the real releases.",
    f"{_LOCK}.",
    bad='models/model.json: {"learner":{"attributes":{},"objective":{"name":"reg:squarederror"}},"version":[3,1,1]}\n'
    "lock: xgboost==3.0.5\n",
    good='models/model.json: {"learner":{"attributes":{},"objective":{"name":"reg:squarederror"}},"version":[3,1,1]}\n'
    "lock: xgboost==3.2.0\n",
    language="package",
)
NO_READER = Rule(
    "MK803",
    "no-reader",
    ERROR,
    "A file of the model has a format that nothing in the lock reads.",
    "The package builds, and fails at its first request. Where the package starts a program of the base image, or has "
    "code of its own for a format as plain as safetensors, that may read the file: the rule is not sure then.",
    "Add the reader to the requirements, or leave the file out.",
    bad='models/model.json: {"learner":{"attributes":{}},"version":[3,0,5]}\nlock: numpy==2.4.6\n',
    good='models/model.json: {"learner":{"attributes":{}},"version":[3,0,5]}\nlock: xgboost==3.0.5\n',
    language="package",
)
NEWER = Rule(
    "MK804",
    "written-by-newer",
    WARNING,
    "A file of the model was written by a newer release of its library than the one that is locked.",
    "Libraries read what older releases wrote, and promise nothing for newer ones. scikit-learn promises "
    "nothing either "
    "way, so that any other release is reported. Where the table of releases knows what happens, it is MK801 or MK802; "
    "else this rule is not sure.",
    f"{_LOCK}.",
    bad='models/model.json: {"learner":{"attributes":{}},"version":[3,2,0]}\nlock: xgboost==3.1.1\n',
    good='models/model.json: {"learner":{"attributes":{}},"version":[3,0,5]}\nlock: xgboost==3.1.1\n',
    language="package",
)
RULES = (REFUSES, DIFFERS, NO_READER, NEWER)
