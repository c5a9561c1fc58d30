"""The one error type that users see."""

import re


class ModelkilnError(Exception):
    """Bad input or a failed verification: an error to show to the user.

    A message reads: address, then what is wrong with which value, then the option or command
    that fixes it. The command line prints it without a traceback and exits with 1.
    """


# What Python calls the values of JSON, and what people do.
_KINDS = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "an object",
    "float": "a number",
    "int": "a number",
    "list": "a list",
    "str": "a text",
    "string": "a text",
}
_KIND = re.compile(rf"\b({'|'.join(_KINDS)})(?='| object| indices)")
# As a call names what it was not given, and what it does not know: the keys of an object, where those are passed on.
_LACKING = re.compile(r"missing \d+ required .*argument.*?: (.*)$")
_UNKNOWN = re.compile(r"unexpected keyword argument ('.*')$")


def reason(error: Exception) -> str:
    """Why a document could not be read, in words: `error` is what reading its values raised."""
    text = str(error)
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if not isinstance(error, (TypeError, AttributeError)):
        return text
    lacking, unknown, kind = _LACKING.search(text), _UNKNOWN.search(text), _KIND.search(text)
    if lacking or unknown:
        return f"it lacks {lacking[1]}" if lacking else f"it has {unknown[1] if unknown else ''}, which is not known"
    return (
        f"it has {_KINDS[kind[1]]} where a value of another kind belongs" if kind else "it has a value of another kind"
    )
