"""From an entry point to the code that goes into a package, and what it requires."""

from __future__ import annotations

import ast
import os
import posixpath
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Iterable, Iterator

from pants.backend.python.target_types import EntryPoint, PythonRequirementsField
from pants.backend.python.util_rules.python_sources import PythonSourceFiles, PythonSourceFilesRequest
from pants.engine.addresses import Address
from pants.engine.fs import CreateDigest, Digest, DigestSubset, FileDigest, FileEntry, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules
from pants.engine.target import TransitiveTargetsRequest
from pants.source.source_root import SourceRootsRequest
from pants.util.logging import LogLevel

from modelkiln.errors import ModelkilnError
from modelkiln.package.imports import Import, find_imports
from modelkiln.pinned_file import PinnedFile
from pants_modelkiln.compat.calls import (
    create_digest,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    get_source_roots,
    implicitly,
    merge_digests,
    prepare_python_sources,
    rule,
    transitive_targets,
)
from pants_modelkiln.engine.files import ENSEMBLE_RUNTIME, engine_files
from pants_modelkiln.inputs.artifact import pinned_files
from pants_modelkiln.inputs.named_files import find_entry_point
from pants_modelkiln.target_types.package import ModelEntryPointField


@dataclass(frozen=True)
class PackageCodeRequest:
    """The code of the `model_package` at an address."""

    address: Address
    entry_point: ModelEntryPointField


@dataclass(frozen=True)
class FirstPartyRequest:
    """All first-party code that the target at an address depends on."""

    address: Address


@dataclass(frozen=True)
class FirstPartySources:
    """First-party code as the repository has it.

    files: pairs of a path in the package and the file in the repository, sorted; equal files may share a path.
    requirements: PEP 508 strings that the code needs directly.
    """

    sources: PythonSourceFiles
    files: tuple[tuple[str, FileEntry], ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class FirstPartyCode:
    """Files of first-party code; paths as they lie in a package. requirements: PEP 508 strings that the code needs
    directly."""

    digest: Digest
    paths: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class RuntimeFiles:
    """The runtime that travels inside a package; paths as they lie below /app."""

    files: tuple[PinnedFile, ...]
    digest: Digest


@dataclass(frozen=True)
class PackageCode:
    """The inference script with its first-party dependencies and the runtime.

    files and digest: paths as they lie below /app. own_files and own: without the runtime.
    requirements: PEP 508 strings that the code needs directly. imports: what its files import.
    """

    entry_point: str
    files: tuple[PinnedFile, ...]
    digest: Digest
    requirements: tuple[str, ...]
    own_files: tuple[PinnedFile, ...]
    own: Digest
    runtime: RuntimeFiles
    imports: tuple[Import, ...] = ()


@rule(level=LogLevel.DEBUG)
async def runtime_files() -> RuntimeFiles:
    """Take the runtime from the engine's sources."""
    digest = await create_digest(CreateDigest(engine_files("runtime", without=ENSEMBLE_RUNTIME)))
    return RuntimeFiles(pinned_files(await get_digest_entries(digest)), digest)


async def _find_files(sources: PythonSourceFiles) -> tuple[tuple[str, FileEntry], ...]:
    """Pairs of where a file lies in the package and what it is in the repository, sorted by both paths."""
    entries = await get_digest_entries(sources.source_files.snapshot.digest)
    unrooted = set(sources.source_files.unrooted_files)
    files = [entry for entry in entries if isinstance(entry, FileEntry)]
    roots = await get_source_roots(
        SourceRootsRequest.for_files(sorted(one.path for one in files if one.path not in unrooted))
    )
    placed = []
    for file in files:
        root = roots.path_to_root.get(PurePath(file.path))
        is_below = root is not None and root.path != "."
        placed.append((os.path.relpath(file.path, root.path) if root is not None and is_below else file.path, file))
    return tuple(sorted(placed, key=lambda one: (one[0], one[1].path)))


@rule(level=LogLevel.DEBUG)
async def find_first_party_sources(request: FirstPartyRequest, runtime: RuntimeFiles) -> FirstPartySources:
    """Find the files and requirements of all that a target depends on, without a look into them.

    Raises ModelkilnError where two files would have one place in a package.
    """
    closure = await transitive_targets(TransitiveTargetsRequest([request.address]), **implicitly())
    sources = await prepare_python_sources(
        PythonSourceFilesRequest(closure.closure, include_files=True), **implicitly()
    )
    files = await _find_files(sources)
    check_places(
        str(request.address),
        [
            *(CodeFile(file.path, "modelkiln's runtime", (file.sha256, False)) for file in runtime.files),
            *(CodeFile(place, one.path, (one.file_digest.fingerprint, one.is_executable)) for place, one in files),
        ],
    )
    requirements = {
        str(requirement)
        for target in closure.closure
        if target.has_field(PythonRequirementsField)
        for requirement in target[PythonRequirementsField].value
    }
    return FirstPartySources(sources, files, tuple(sorted(requirements)))


async def _find_first_party_code(address: Address) -> FirstPartyCode:
    """First-party code where it lies in a package."""
    found = await find_first_party_sources(FirstPartyRequest(address), **implicitly())
    # Equal files may share a place: one of them is there.
    placed = {place: replace(file, path=place) for place, file in found.files}
    return FirstPartyCode(await create_digest(CreateDigest(placed.values())), tuple(placed), found.requirements)


async def _find_imports(code: Digest) -> tuple[Import, ...]:
    files = await get_digest_contents(await digest_subset_to_digest(DigestSubset(code, PathGlobs(["**/*.py"]))))
    return tuple(one for file in files for one in find_imports(file.path, file.content))


@rule(desc="Collect a package's code", level=LogLevel.DEBUG)
async def collect_code(request: PackageCodeRequest, runtime: RuntimeFiles) -> PackageCode:
    """Find the files and requirements of all that the entry point depends on."""
    entry_point = (await find_entry_point(request.entry_point)).val
    where = f"{request.address}: {request.entry_point.alias} {entry_point.spec!r}"
    code = await _find_first_party_code(request.address)
    module = entry_point.module.replace(".", "/")
    candidates = [path for path in (f"{module}.py", f"{module}/__init__.py") if path in code.paths]
    if not candidates:
        raise ModelkilnError(
            f"{where}: no target of the package owns the "
            f"module {entry_point.module}. Check the name, and that a `python_sources` target owns "
            "its file (`pants tailor` adds one)."
        )
    source = await get_digest_contents(
        await digest_subset_to_digest(DigestSubset(code.digest, PathGlobs(candidates[:1])))
    )
    check_entry_point(where, entry_point, source[0].path, source[0].content)
    digest = await merge_digests(MergeDigests((code.digest, runtime.digest)))
    files = pinned_files(await get_digest_entries(digest))
    own = tuple(file for file in files if file not in runtime.files)
    return PackageCode(
        entry_point=entry_point.spec,
        files=files,
        digest=digest,
        requirements=code.requirements,
        own_files=own,
        own=await create_digest(
            CreateDigest([FileEntry(file.path, FileDigest(file.sha256, file.size)) for file in own])
        ),
        runtime=runtime,
        imports=await _find_imports(code.digest),
    )


@dataclass(frozen=True)
class CodeFile:
    """A file of a package's code. place: its path in the package. origin: in the repository."""

    place: str
    origin: str
    content: tuple[str, bool]


def check_places(address: str, files: Iterable[CodeFile]) -> None:
    """Refuse files with different content for one place, and a file where others want a folder.

    Equal files may share a place: the `__init__.py` of a package that lies in several source roots.
    """
    owners: dict[str, CodeFile] = {}
    issues = []
    for file in sorted(files, key=lambda file: (file.place, file.origin)):
        other = owners.setdefault(file.place, file)
        if other.content != file.content:
            issues.append(f"{other.origin} and {file.origin} both become {file.place}, with different content.")
    for file in list(owners.values()):
        parent = posixpath.dirname(file.place)
        while parent:
            if parent in owners:
                issues.append(f"{owners[parent].origin} becomes {parent}, which {file.origin} has as a folder.")
            parent = posixpath.dirname(parent)
    if issues:
        more = f" And {len(issues) - 5} more." if len(issues) > 5 else ""
        raise ModelkilnError(
            f"{address}: {' '.join(issues[:5])}{more} In a package all source roots are one folder. Rename one of "
            "them, or leave it out of the code's dependencies; a package that lies in several source roots has no "
            "`__init__.py`, or the same in each."
        )


def check_entry_point(where: str, entry_point: EntryPoint, path: str, source: bytes) -> None:
    """Refuse an entry point that its module plainly does not define, or not as a callable.

    The module is read, not imported: importing would need its environment. What can't be seen
    in the text (a star import, a name made by a function call) is left to the smoke test. where: the target, its
    field and what that names, for messages.
    """
    if not entry_point.function:
        raise ModelkilnError(f"{where}: names no callable; write `{entry_point.module}:predict`.")
    try:
        tree = ast.parse(source, path)
    except SyntaxError as error:
        raise ModelkilnError(f"{where}: {path}, line {error.lineno}: {error.msg}.") from None
    found = [_definition(node, entry_point.function) for node in _of_module(tree)]
    if "callable" in found:
        return
    if "value" in found:
        raise ModelkilnError(
            f"{where}: {entry_point.function!r} in {path} is not callable. Name a function or a class."
        )
    names = sorted(
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    )
    raise ModelkilnError(
        f"{where}: {path} defines no {entry_point.function!r}; it defines {', '.join(names) or 'nothing'}."
        f"{_class_instead(tree, entry_point)}"
    )


def _of_module(node: ast.AST) -> Iterator[ast.AST]:
    """The statements whose names are the module's own: those of methods, and of what functions define, are not."""
    for one in ast.iter_child_nodes(node):
        yield one
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from (inner for inner in ast.walk(one) if isinstance(inner, ast.Global))
        else:
            yield from _of_module(one)


def _class_instead(tree: ast.Module, entry_point: EntryPoint) -> str:
    """The class that is the entry point, where it is its method that was named."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(one, ast.FunctionDef) and one.name == entry_point.function for one in node.body
        ):
            return f" It is a method of {node.name}: a class is named itself, `{entry_point.module}:{node.name}`."
    return ""


def _definition(node: ast.AST, name: str) -> str:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return "callable" if node.name in (name, "__getattr__") else ""
    if isinstance(node, ast.Global):
        return "callable" if name in node.names else ""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        bound = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        return "callable" if name in bound or "*" in bound else ""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            literal = isinstance(node.value, (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.JoinedStr))
            return "value" if literal else "callable"
        parts = [part for target in targets for part in ast.walk(target) if not isinstance(target, ast.Name)]
        return "callable" if any(isinstance(part, ast.Name) and part.id == name for part in parts) else ""
    return ""


def rules():
    return collect_rules()
