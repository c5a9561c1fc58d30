"""Sdists built from one lock of build requirements, with the sdists among those."""

from typing import Any, Mapping, Optional, Sequence

from modelkiln.builds.wheel import BUILDER, build_wheel
from modelkiln.errors import ModelkilnError
from modelkiln.manifest.closure import closure, with_built
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.store.result_cache import ResultCache
from modelkiln.store.store import Store

__all__ = ["ResolveBuilder"]


class ResolveBuilder:
    """Builds sdists with what a resolved lock has (see `resolve_lock`), into `store`.

    remedy: the command that locks build requirements. toolchain: as in `toolchain`, or None.
    extra: what sdists are built with besides what they say, by the name of the package.
    """

    def __init__(
        self,
        resolved: Mapping[str, Any],
        remedy: str,
        store: Store,
        toolchain: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Sequence[str]]] = None,
    ) -> None:
        self._resolved, self._remedy, self._store, self._toolchain = resolved, remedy, store, toolchain
        self._extra = extra or {}

    def build(self, sdist: Mapping[str, Any], above: Sequence[str] = ()) -> dict[str, Any]:
        """Return what `build_wheel` returns; a wheel that was built before, and is still whole, is not built again.

        above: what it is wanted for, names of packages, the first one first.
        """
        if sdist["name"] in above:
            chain = [*above, sdist["name"]]
            steps = ", which is built with ".join(chain[chain.index(sdist["name"]) :])
            raise ModelkilnError(
                f"{above[0]} is built from an sdist, and so is what it is built with, in a circle: {steps}. Lock a "
                f"version of one of them that has a wheel: {self._remedy}."
            )
        question = {"builder": BUILDER, "sdist": sdist, "requirements": self._resolved}
        cache = ResultCache(self._store, "built")
        extra = self._extra.get(sdist["name"], ())
        question.update({"extra": list(extra)} if extra else {})
        question.update({"toolchain": self._toolchain["locks"]} if self._toolchain else {})
        built = cache.get(question)
        if built is None or not self._store.holds(wheel_digest(built)):
            path = (*above, sdist["name"])
            built = build_wheel(
                sdist,
                self._resolved["python"],
                lambda requires: self.choose(sdist, [*requires, *extra], path),
                self._store,
                self._toolchain,
            )
            cache.put(question, built)
        return built

    def choose(self, sdist: Mapping[str, Any], requires: Sequence[str], path: Sequence[str] = ()) -> list[dict]:
        """Return the wheels that an sdist's build requirements stand for; those without one are built.

        path: what they are wanted for, this sdist last.
        """
        resolved = self._resolved
        while True:
            try:
                wheels = closure(resolved, requires)
            except ModelkilnError as error:
                raise ModelkilnError(
                    f"{sdist['name']} {sdist['version']} is built from {sdist['filename']}, which needs "
                    f"{', '.join(requires)}: {error} Build requirements are locked by: {self._remedy}."
                ) from None
            sdists = [wheel.to_json() for wheel in wheels if wheel.is_sdist]
            if not sdists:
                return [wheel.to_json() for wheel in wheels]
            # What such a package requires is known when it is built.
            resolved = with_built(resolved, [self.build(one, path) for one in sdists])
