"""Adapters, such as LoRAs: model artifacts that fit one other, their base."""

from typing import Mapping

from modelkiln.errors import ModelkilnError

__all__ = ["check_bases"]


def check_bases(where: str, artifacts: Mapping[str, tuple[str, str]]) -> None:
    """Refuse adapters of a package that lacks the artifact which they fit.

    artifacts: by target, the set digest of its files and, of an adapter, that of its base, else "". Raises
    ModelkilnError that names `where`, the adapter and the artifacts that there are.
    """
    known = {files for files, _ in artifacts.values()}
    for target, (_, base) in artifacts.items():
        if base and base not in known:
            others = [f"{one} ({files})" for one, (files, _) in artifacts.items() if one != target]
            raise ModelkilnError(
                f"{where}: {target} is an adapter of the model artifact with the set digest {base}, and `artifacts` "
                f"has {', '.join(others) or 'no other'}. Add that base, or train the adapter on the one that is there "
                "and change its `base_set_digest`."
            )
