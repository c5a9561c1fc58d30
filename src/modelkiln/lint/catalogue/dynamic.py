"""MK2xx: what a package gets or makes at run time."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import Rule

__all__ = ["COMPUTED_CODE", "COMPUTED_IMPORT", "DATA", "HUB", "INSTALL", "NETWORK", "REMOTE_CODE", "RULES"]

_GOOD = """\
from transformers import AutoModel


class Predictor:
    def __init__(self, model):
        self.model = AutoModel.from_pretrained(model / "bert")

    def predict(self, inputs):
        return self.model(**inputs)
"""
HUB = Rule(
    "MK201",
    "hub-download",
    ERROR,
    "Weights come from a hub when the package runs.",
    "Each start downloads them, fails where the network or the hub does, and gets other weights when someone pushes "
    "new "
    "ones. What was tested is not what runs.",
    'Pin the weights: model_artifact(source="hf://OWNER/NAME", revision=..., lock=...), and load them below the folder '
    "that the entry point gets: from_pretrained(model / NAME).",
    bad="from transformers import AutoModel\n\n\ndef predict(inputs, model):\n"
    '    return AutoModel.from_pretrained("bert-base-uncased", revision="86b5e093")(**inputs)\n',
    good=_GOOD,
)
DATA = Rule(
    "MK202",
    "data-download",
    ERROR,
    "A library downloads data when the package runs: corpora, vocabularies, languages.",
    "The data are as much a part of the model as its weights, and come unpinned.",
    "Put the data into a model artifact, and set the library's folder to one below the model's.",
    bad='import nltk\n\nnltk.download("punkt")\n\n\ndef predict(inputs, model):\n    return inputs\n',
    good="import nltk.data\n\n\ndef predict(inputs, model):\n"
    '    nltk.data.path.insert(0, str(model / "nltk_data"))\n    return inputs\n',
)
NETWORK = Rule(
    "MK203",
    "network",
    ERROR,
    "Code fetches something from the network, or asks a service there.",
    "A prediction then depends on a server that the package does not pin, and an isolated one fails. What a caller "
    "sends "
    "belongs into the inputs.",
    "Put what is fetched into a model artifact, or take it as an input.",
    bad="import requests\n\n\ndef predict(inputs, model):\n"
    '    return requests.get("https://example.com/weights.json").json()\n',
    good="def predict(inputs, model):\n    return inputs\n",
)
INSTALL = Rule(
    "MK204",
    "install-at-run-time",
    ERROR,
    "Code installs packages when it runs.",
    "It changes the environment that was locked and tested, takes an index and rights that a package should not need, "
    "and is not repeatable.",
    "Add the requirement to the resolve, and lock it with `pants lock`.",
    bad='import os\n\nos.system("pip install tokenizers")\n\n\ndef predict(inputs, model):\n    return inputs\n',
    good="import tokenizers\n\n\ndef predict(inputs, model):\n    return inputs\n",
)
REMOTE_CODE = Rule(
    "MK205",
    "trust-remote-code",
    ERROR,
    "Code of a model's repository is run: trust_remote_code=True.",
    "transformers imports Python files beside the weights, and fetches them where `auto_map` names another repository. "
    "Nobody reviewed them, and no lock pins them.",
    "Take the modeling code into the repository as first-party code, and load the weights with its classes.",
    bad="from transformers import AutoModel\n\n\ndef predict(inputs, model):\n"
    '    return AutoModel.from_pretrained(model / "bert", trust_remote_code=True)(**inputs)\n',
    good=_GOOD,
)
COMPUTED_CODE = Rule(
    "MK206",
    "computed-code",
    ERROR,
    "Text that is computed is run as Python: exec or eval of data.",
    "What runs is not in the package: those who can write the text, callers of the model perhaps, run code in it.",
    "Parse data as data (json, ast.literal_eval), and call functions by names from a table.",
    bad="def predict(inputs, model):\n    return eval((model / 'expression.txt').read_text())\n",
    good="import ast\n\n\ndef predict(inputs, model):\n"
    "    return ast.literal_eval((model / 'table.txt').read_text())\n",
)
COMPUTED_IMPORT = Rule(
    "MK207",
    "computed-import",
    WARNING,
    "A module is imported by a name that is computed.",
    "Dependency inference does not see it, so that the package may lack the module.",
    "Import by name, or choose from a table of modules that are imported by name.",
    bad="import importlib\n\n\ndef predict(inputs, model):\n"
    '    return importlib.import_module((model / "module.txt").read_text()).predict(inputs)\n',
    good="import importlib\n\n\ndef predict(inputs, model):\n"
    '    return importlib.import_module("json").dumps(inputs)\n',
)
RULES = (HUB, DATA, NETWORK, INSTALL, REMOTE_CODE, COMPUTED_CODE, COMPUTED_IMPORT)
