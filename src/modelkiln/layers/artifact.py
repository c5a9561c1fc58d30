"""The layers of a model artifact whose files are in the repository: cut as those of a lock are."""

from typing import Collection, Iterable

from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.conventions import MODELS_FOLDER
from modelkiln.layers import files as files_packer
from modelkiln.layers import weights
from modelkiln.pinned_file import PinnedFile
from modelkiln.recipe import Recipe
from modelkiln.weights.grouping import group_files

__all__ = ["artifact_recipes"]


def artifact_recipes(
    title: str,
    folder: str,
    files: Iterable[PinnedFile],
    stored: Collection[str],
    allowed: Allowed = NOTHING,
) -> list[Recipe]:
    """Return the recipe of each layer, in the order of their first paths.

    Which files share a layer, and so its digest, depends on their paths and sizes alone: the same
    files make the same layers as they are, behind pointers of Git LFS, and under a lock.

    folder: of the artifact in the checkout. files: all of them. stored: paths of those that are
    in Git LFS and too large for Pants: a layer with one of them is a tar around files of the store, and
    any other is packed. allowed: what the target allows.
    """
    listed = {file.path: file for file in files}
    groups = group_files((path, file.size) for path, file in listed.items())
    recipes = []
    for group in groups:
        name = title if len(groups) == 1 else f"{title} ({group[0]})"
        chosen = [listed[path] for path in group]
        if any(path in stored for path in group):
            source = {"uri": f"lfs:{folder}", "revision": ""}
            files_json = [file.to_json() for file in chosen]
            recipes.append(weights.recipe(name, MODELS_FOLDER, files_json, source, allowed))
        else:
            recipes.append(files_packer.recipe("weights", name, "none", chosen))
    return recipes
