"""MK3xx: what has a name and no content: a later run gets something else by it."""

from modelkiln.lint.finding import WARNING
from modelkiln.lint.rule import Rule

__all__ = ["NO_REVISION", "RULES"]

NO_REVISION = Rule(
    "MK301",
    "no-revision",
    WARNING,
    "A model, a data set or code of a hub is named without a revision, or by a branch, a stage or `latest`.",
    "The hub gives what the branch has today. Two packages of one commit may have other weights.",
    "Name the commit: revision=SHA (of torch.hub, OWNER/NAME:SHA), or better pin the files by a weights lock.",
    bad="from huggingface_hub import snapshot_download\n\n\ndef predict(inputs, model):\n"
    '    return snapshot_download("bert-base-uncased")\n',
    good="from transformers import AutoModel\n\n\ndef predict(inputs, model):\n"
    '    return AutoModel.from_pretrained(model / "bert")(**inputs)\n',
)
RULES = (NO_REVISION,)
