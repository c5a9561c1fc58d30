"""What is called code in a file of a model artifact, and which of it a target allows.

An entry is a kind and a name, `keras-lambda:scale`: of a layer, a type, a module, a domain, or the file's path.
"""

import re
from typing import Iterable

from modelkiln.checks.content import Content
from modelkiln.checks.pickle_globals import is_never_allowed
from modelkiln.errors import ModelkilnError

__all__ = ["AUTO_MAP", "KINDS", "check_allowed_code", "entry", "refuse_code"]

AUTO_MAP = "auto-map"
# By kind, what a message calls it.
KINDS = {
    AUTO_MAP: "a class that transformers imports",
    "jinja": "a chat template",
    "jinja-unsafe": "a chat template that reaches out of its sandbox",
    "keras-lambda": "a Lambda layer of Keras, which is Python",
    "keras-module": "an object that Keras imports",
    "mlflow-loader": "a module that MLflow imports",
    "onnx-domain": "operators of a library that ONNX lacks",
    "program": "a program or library",
    "pyc": "byte code of Python",
    "script": "a script",
    "skops-type": "a type that skops loads",
    "torch-package": "a package of torch.package",
    "torchscript": "a program of TorchScript",
    "yaml-tag": "a tag by which YAML makes an object of Python",
}
# Of these the name is one that is imported. Chat templates are normal, and run in a sandbox.
_IMPORTED = frozenset((AUTO_MAP, "keras-module", "mlflow-loader", "skops-type", "yaml-tag"))
_NAMED_ONLY = frozenset(("jinja", AUTO_MAP))
_MOST_SHOWN = 20
_CONVERT = "Save the model in a format without code, such as safetensors or ONNX"
_LEAVE_OUT = "Leave the file out of the artifact"
_REMEDIES = {
    "jinja-unsafe": "Correct the template",
    "onnx-domain": "Export the model with operators of ONNX",
    **{kind: _LEAVE_OUT for kind in ("program", "pyc", "script")},
}


def entry(kind: str, name: str) -> str:
    """Return the entry of a kind and a name, of which control characters are shown as Python shows them."""
    shown = name if name.isprintable() else repr(name)[1:-1]
    return f"{kind}:{shown}"


def check_allowed_code(where: str, entries: Iterable[str]) -> frozenset:
    """Return the entries of `allow_code` as a set; raises ModelkilnError for a bad one."""
    if isinstance(entries, str):
        raise ModelkilnError(f"{where}: allow_code is {entries!r}; write a list of entries.")
    for one in entries:
        kind, colon, name = one.partition(":") if isinstance(one, str) else ("", "", "")
        if kind not in KINDS or not name:
            raise ModelkilnError(
                f"{where}: allow_code has {one!r}, which is not a kind and a name such as 'keras-lambda:scale'. Kinds: "
                f"{', '.join(sorted(set(KINDS) - {'jinja'}))}; there are no wildcards."
            )
        if _runs_anything(one):
            raise ModelkilnError(
                f"{where}: allow_code has {one!r}, with which a file can run anything. Save the model in a format "
                "without code, such as safetensors or ONNX."
            )
    return frozenset(entries)


def _runs_anything(one: str) -> bool:
    kind, _, name = one.partition(":")
    if kind not in _IMPORTED:
        return False
    # Of a YAML tag what follows its last colon: python/object/apply:os.getcwd.
    dotted = re.split(r"[:\s]", name)[-1]
    return is_never_allowed(dotted if "." in dotted else f"{dotted}.load")


def refuse_code(content: Content, entries: Iterable[str], allowed: frozenset) -> None:
    """Raise ModelkilnError for code that is not allowed by its name."""
    bad = sorted(one for one in set(entries) - allowed if one.partition(":")[0] not in _NAMED_ONLY)
    if bad:
        raise refusal(content, bad)


def refusal(content: Content, bad: Iterable[str]) -> ModelkilnError:
    """Return the error for code that is not allowed; the entries of `allow_code` that would allow it are in it."""
    listed = sorted(bad)
    what = "; ".join(f"{KINDS[one.partition(':')[0]]} ({one.partition(':')[2]})" for one in listed[:_MOST_SHOWN])
    convert = next((_REMEDIES[kind] for kind in _REMEDIES if listed[0].startswith(f"{kind}:")), _CONVERT)
    hopeless = [one for one in listed if _runs_anything(one)]
    if hopeless:
        return content.refuse(f"holds {what}, which can run anything", convert)
    entries = ", ".join(map(repr, listed))
    return content.refuse(
        f"holds code that may run where it is loaded: {what}",
        f"{convert}, or, if you trust who made it, allow it: allow_code=[{entries}]",
    )
