"""Strict JSON: what requests, responses, signatures and records are read with."""

import json

from modelkiln.runtime.errors import PackageError

__all__ = ["parse_json", "reason_of", "shown", "type_in_words"]


def type_in_words(value):
    """Return what a Python value is: "None", "an int", "a list"."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def shown(value):
    """Return a value of a document as JSON has it, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text = text if text.isprintable() else json.dumps(value)  # Nothing that a terminal would obey.
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def reason_of(error):
    """Return in words why a document could not be read as what it should be."""
    if isinstance(error, KeyError):
        return f"{shown(error.args[0])} is missing"
    return str(error)


def parse_json(data, where):
    """Return the value of `data` (UTF-8 bytes or str); raises PackageError that names `where`.

    Refused beyond what Python's reader refuses: NaN and infinities, which JSON lacks (RFC 8259,
    section 6), and an object that names a member twice, which readers understand differently
    (section 4).
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise PackageError(
            f"{where}: byte {error.start} is not UTF-8, so this is not JSON. Save the file as UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise PackageError(
            f"{where}: not JSON at line {error.lineno}, column {error.colno}: {error.msg}. " + _remedy(text, error.pos)
        ) from None
    except RecursionError:
        raise PackageError(f"{where}: JSON nested too deeply. Give tensor data flat.") from None
    except ValueError as error:
        raise PackageError(f"{where}: {error}") from None


def _remedy(text, position):
    if not text.strip():
        return "It is empty; give a JSON object."
    if position >= len(text.rstrip()):
        return "It ends too early; it may be truncated."
    if text[position] == "'":
        return "JSON strings have double quotes."
    if text[:1] == "\ufeff":
        return "Save it without a byte order mark."
    return f"Fix it near {text[max(0, position - 10) : position + 10]!r}."


def _refuse_constant(name):
    raise ValueError(f"{name} is not a JSON number. Use a finite number.")


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names {twice!r} twice. Remove one of the two.")
    return members
