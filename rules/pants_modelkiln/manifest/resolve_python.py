"""Which CPython a resolve serves: by its interpreter constraints, of which a lock is made and packages are checked."""

from __future__ import annotations

from functools import lru_cache

from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.engine.addresses import Address

from modelkiln.errors import ModelkilnError
from pants_modelkiln.inputs.base_image import BaseImage

# Those that are asked for, in addition to what Pants counts as a Python: a release of Pants knows none that is
# younger than itself.
_PYTHONS = tuple(f"3.{minor}" for minor in range(9, 15))


def _constraints(resolve: str, setup: PythonSetup) -> InterpreterConstraints:
    return InterpreterConstraints(
        setup.resolves_to_interpreter_constraints.get(resolve) or setup.interpreter_constraints
    )


@lru_cache(maxsize=256)
def _serves(constraints: InterpreterConstraints, python: str) -> bool:
    # Pants compares each patch release there may be, and all packages of a resolve ask the same.
    return constraints.minimum_python_version([python]) is not None


def resolve_python(name: str, setup: PythonSetup) -> str:
    """The oldest release of CPython that a resolve serves, "3.11": what it is locked under."""
    constraints = _constraints(name, setup)
    found = constraints.minimum_python_version({*setup.interpreter_versions_universe, *_PYTHONS})
    if found is None:
        raise ModelkilnError(
            f"resolve {name!r}: no release of CPython fits {constraints}. Fix its interpreter constraints in "
            "[python.resolves_to_interpreter_constraints]."
        )
    return found


def package_python(address: Address, resolve: str, base: BaseImage | None, default: str, setup: PythonSetup) -> str:
    """The release of CPython that runs the package at `address`, which its `resolve` must serve.

    It is that of the base. Without one it is `default` where the resolve serves it, else the oldest that it serves.
    """
    constraints = _constraints(resolve, setup)
    python = base.python if base else default
    if _serves(constraints, python):
        return python
    if base is None:
        return resolve_python(resolve, setup)
    raise ModelkilnError(
        f"{address}: its base {base.address} has Python {python}, and the resolve {resolve!r} is for {constraints}. "
        "Name a base of that Python in `base_image`, or a resolve for this one in `resolve`. Which Pythons a resolve "
        "is for is set in [python.resolves_to_interpreter_constraints], and else in [python].interpreter_constraints."
    )
