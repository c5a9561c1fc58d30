"""Files of skops: the release that wrote one, and the loaders that its objects ask for.

Source: skops/io/_audit.py, `get_tree`: a release without the loader that an object names refuses the file.
"""

from modelkiln.checks.content import Content
from modelkiln.checks.json_text import read_json
from modelkiln.checks.traits.trait import NOTHING, Survey, Trait

__all__ = ["survey_skops"]

_MAX_TRAITS = 4096


def survey_skops(content: Content) -> Survey:
    """Return what the schema in a `.skops` file names. Raises ModelkilnError."""
    schema = read_json(content)
    if not isinstance(schema, dict) or "__loader__" not in schema:
        return NOTHING
    release = schema.get("_skops_version")
    found = {Trait("skops", release)} if isinstance(release, str) else set()
    stack = [schema]
    while stack and len(found) < _MAX_TRAITS:
        value = stack.pop()
        stack += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, dict) and isinstance(value.get("__loader__"), str):
            found.add(Trait("skops-loader", value["__loader__"]))
    return Survey(frozenset(found))
