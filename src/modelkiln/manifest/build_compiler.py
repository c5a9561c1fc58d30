"""The lock of what a resolve's sdists are built with, compiled by pip-tools from what they say themselves."""

import shutil
from pathlib import Path
from typing import Any, Mapping, Sequence

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.build_lock import join_parts, split_parts
from modelkiln.manifest.compiler import LockCompiler
from modelkiln.manifest.sdists import ensure_sdist
from modelkiln.wheels.sdist import unpack_sdist

__all__ = ["BuildLockCompiler"]

# Below the current folder: pip-tools writes in comments from which file a requirement is.
_SDISTS = Path(".sdists")


class BuildLockCompiler:
    """Compiles the lock `name` of build requirements in the current folder."""

    def __init__(self, compiler: LockCompiler, name: str) -> None:
        self._compiler, self._name = compiler, name
        self._files: dict[str, str] = {}

    def lock(self, resolved: Mapping[str, Any], summary: Path) -> None:
        """Write the lock for the sdists in `resolved`, and what changed; where it has none, there is no such lock."""
        path, sdists = Path(self._name), _sdists(resolved)
        if not sdists:
            path.unlink(missing_ok=True)
            return
        before = path.read_text("utf-8") if path.is_file() else ""
        try:
            parts = self._parts(sdists, split_parts(before))
        finally:
            shutil.rmtree(_SDISTS, ignore_errors=True)
        title = f"# What sdists of the resolve {self._compiler.resolve} are built with, compiled by: "
        header = f"{title}./pants lock {self._compiler.address}\n#\n"
        self._compiler.write(self._name, before, header + join_parts(parts), summary)

    def _parts(self, sdists: Sequence[Mapping[str, Any]], before: Mapping[str, str]) -> dict[str, str]:
        """One lock for all sdists, by ""; where they want what excludes each other, one for each by its name."""
        every = "\n".join(before.values())
        try:
            return {"": self._compiled(sdists, every)}
        except ModelkilnError:
            if len(sdists) == 1:
                raise
        # Where it was something else that failed, one of them fails alone, and says so.
        return {one["name"]: self._compiled([one], before.get(one["name"], every)) for one in sdists}

    def _compiled(self, sdists: Sequence[Mapping[str, Any]], before: str) -> str:
        """The lock of what `sdists` are built with, and of what the sdists in it are built with in turn."""
        sources: dict[str, str] = {}
        projects: dict[str, str] = {}
        while True:
            sources.update({one["filename"]: self._build_file(one) for one in sdists})
            projects.update({sources[one["filename"]]: one["name"] for one in sdists})
            text = self._compiler.compiled_builds(self._name, projects, before)
            sdists = _sdists(self._compiler.resolved(text, self._name))
            if all(one["filename"] in sources for one in sdists):
                return text

    def _build_file(self, sdist: Mapping[str, Any]) -> str:
        """The file that says what an sdist is built with, unpacked."""
        known = self._files.get(sdist["filename"])
        if known:
            return known
        folder = _SDISTS / sdist["name"]
        if folder.exists():  # A resolve's package, and another version of it among what builds it.
            folder = _SDISTS / f"{sdist['name']}-{sdist['version']}"
        unpack_sdist(ensure_sdist(sdist, self._compiler.store), sdist["filename"], folder)
        names = [name for name in ("pyproject.toml", "setup.py") if (folder / name).is_file()]
        if not names:
            raise ModelkilnError(
                f"{sdist['filename']}: holds neither pyproject.toml nor setup.py, so it is not an sdist."
            )
        return self._files.setdefault(sdist["filename"], str(folder / names[0]))


def _sdists(resolved: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [wheel for wheel in resolved["wheels"] if wheel.get("is_sdist")]
