"""What a model's wheel is called, requires and consists of: the record's "wheel", a pure function of its inputs."""

import keyword
import posixpath
import re
from typing import Any, Collection, Iterable, Mapping

from modelkiln.errors import ModelkilnError
from modelkiln.package.imports import STANDARD_MODULES, Import, code_modules
from modelkiln.package.provided import ProvidedRequirement

__all__ = [
    "CODE_FOLDER",
    "PROVIDED_EXTRA",
    "REQUIRES",
    "check_code",
    "check_distribution",
    "check_import_name",
    "check_version",
    "code_folder",
    "distribution_of",
    "import_name_of",
    "loader_path",
    "requires_dist",
    "requires_python",
    "wheel_filename",
    "wheel_stem",
]

# How the dependencies of a model become those of its wheel.
REQUIRES = ("declared", "exact", "none")
# Below the import package, where the code lies as in other formats; `library._importer` finds it there.
CODE_FOLDER = "_package"
# The extra that installs what a model must not bring along.
PROVIDED_EXTRA = "provided"

_NATIVE = re.compile(r".*\.(so(\.[0-9.]+)?|pyd|dylib)")
# Core metadata specification, "Name".
_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
# What modules of the room `library` are called in the import package; the others lie beside the runtime.
_LOADER = {"_importer.py": "_importer.py", "importable.py": "__init__.py", "program.py": "__main__.py"}


def distribution_of(named: str, name: str, accelerator: str, others: Iterable[str] = ()) -> str:
    """Return the name of a wheel's distribution: `named` with its placeholder, else that of the package.

    Variants have in their name an accelerator other than `cpu`, and `others`, the values of what else makes them
    variants: an index takes one file for each version.
    """
    if named:
        return named.replace("{variant}", accelerator)
    return "-".join([name, *([] if accelerator == "cpu" else [accelerator]), *others])


def import_name_of(named: str, distribution: str) -> str:
    """Return what a wheel is imported as: `named`, else the distribution's name as a Python identifier."""
    return named or re.sub(r"[-_.]+", "_", distribution).lower()


def check_distribution(name: str, where: str) -> None:
    """Refuse a name that indexes refuse: see "Names and normalization" (PEP 508, PEP 503), and PyPI's own rules."""
    if not _NAME.fullmatch(name):
        raise ModelkilnError(
            f"{where}: distribution {name!r}: a name has ASCII letters, digits, `.`, `_` and `-`, and begins and ends "
            "with a letter or digit. Set the field `distribution`."
        )
    if re.sub(r"[-_.]+", "_", name).lower() in {module.lower() for module in STANDARD_MODULES}:
        raise ModelkilnError(
            f"{where}: distribution {name!r}: PyPI takes no name of a module of Python itself. Set the field "
            "`distribution`."
        )


def check_import_name(name: str, where: str, installed: Collection[str]) -> None:
    """Refuse what cannot be imported, and what Python or a dependency (modules, see `wheels.contents`) has."""
    parts = name.split(".")
    if not all(part.isidentifier() and part.isascii() and not keyword.iskeyword(part) for part in parts):
        raise ModelkilnError(
            f"{where}: import name {name!r} is not a name of a Python module. Set the field `import_name`, such as "
            '"acme_fraud".'
        )
    if parts[0] in STANDARD_MODULES:
        raise ModelkilnError(f"{where}: import name {name!r} is one of Python itself. Set the field `import_name`.")
    taken = [one for one in installed if f"{one}.".startswith(f"{name}.") or f"{name}.".startswith(f"{one}.")]
    if taken:
        raise ModelkilnError(
            f"{where}: import name {name!r}: a dependency of the model has the module {min(taken)}. Set the field "
            "`import_name`."
        )


def check_version(version: str, where: str) -> str:
    """Return a version in the normal form of PEP 440; raises ModelkilnError for one that has none."""
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version))
    except InvalidVersion:
        raise ModelkilnError(
            f"{where}: version {version!r}: a wheel needs one that PEP 440 knows, such as 1.2.0, 1.2.0rc1 or "
            '1.2.0+build5. Change the field `version`, or leave "wheel" out of `formats`.'
        ) from None


def check_code(where: str, paths: Iterable[str], pickled: Iterable[Import]) -> None:
    """Refuse what the code of a wheel cannot be, by its files' `paths` and by what loading the artifacts imports."""
    own = code_modules(found := list(paths))
    native = [path for path in found if _NATIVE.fullmatch(path)]
    if native:
        raise ModelkilnError(
            f"{where}: the code has a native library, {native[0]}, and the wheel of a model is for any platform. Move "
            'it to a package of the resolve, or leave "wheel" out of `formats`.'
        )
    for one in pickled:
        if own & {one.module, one.alternative}:
            raise ModelkilnError(
                f"{where}: {one.origin} has {one.module}, which is code of the package. In a wheel that is private, so "
                "that several models can have different commits of it, and no pickle can import it. Save the model in "
                'a format without code, such as ONNX or safetensors, or leave "wheel" out of `formats`.'
            )


def requires_python(mode: str, python: str) -> str:
    """Return which Pythons a wheel is for that was tested with CPython `python` ("3.11")."""
    return f"=={python}.*" if mode == "exact" else f">={python}"


def requires_dist(
    mode: str,
    declared: Iterable[str],
    locked: Iterable[Mapping[str, Any]],
    provided: Iterable[ProvidedRequirement] = (),
) -> list[str]:
    """Return what a wheel requires, as PEP 508 strings.

    declared: what the code needs directly, as requirements files have it. locked: the wheels that the model is
    tested with, all of them. Of what is declared at least the locked version is required. What the
    host provides is the extra `PROVIDED_EXTRA`.
    """
    extra = [f'{one.name}{one.specifier}; extra == "{PROVIDED_EXTRA}"' for one in provided] if mode != "none" else []
    return [*_required(mode, declared, locked), *extra]


def _required(mode: str, declared: Iterable[str], locked: Iterable[Mapping[str, Any]]) -> list[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    versions = {wheel["name"]: wheel["version"] for wheel in locked}
    if mode == "none":
        return []
    if mode == "exact":
        return sorted(f"{name}=={version}" for name, version in versions.items())
    found = [Requirement(text) for text in declared]
    if "numpy" not in {canonicalize_name(one.name) for one in found}:
        found.append(Requirement("numpy"))  # In which every model takes and returns tensors.
    return sorted({_at_least(one, versions.get(canonicalize_name(one.name))) for one in found})


def _at_least(requirement: Any, version: Any) -> str:
    """A requirement with the locked version as its lower bound."""
    from packaging.version import Version

    kept = {str(one) for one in requirement.specifier}
    pinned = any(one.startswith("=") and not one.endswith("*") for one in kept)
    if version and not pinned:
        # What is declared allows the locked version, and so its lower bounds are lower. PEP 440 compares
        # no local versions.
        kept = {one for one in kept if not one.startswith(">")} | {f">={Version(version).public}"}
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{','.join(sorted(kept))}{marker}"


def code_folder(import_name: str) -> str:
    """Where a wheel has the code of the package, and its record below that."""
    return posixpath.join(*import_name.split("."), CODE_FOLDER)


def loader_path(import_name: str, path: str) -> str:
    """Where a wheel has a file of the room `library`, whose path is `modelkiln/library/...`."""
    name = posixpath.basename(path)
    if name in _LOADER:
        return posixpath.join(*import_name.split("."), _LOADER[name])
    return posixpath.join(code_folder(import_name), path)


def wheel_filename(described: Mapping[str, Any]) -> str:
    """Return a wheel's file name (PEP 427) by the record's "wheel"; its code is Python's alone, for any platform."""
    return f"{wheel_stem(described)}-py3-none-any.whl"


def wheel_stem(described: Mapping[str, Any]) -> str:
    """Return the name and version that begin a wheel's file name and that of its `.dist-info` folder."""
    name = re.sub(r"[-_.]+", "_", described["distribution"]).lower()
    return f"{name}-{described['version'].replace('-', '_')}"
