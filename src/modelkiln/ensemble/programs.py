"""What runs in a package, as its record has it: an inference script, or those of all members of an ensemble."""

from dataclasses import dataclass
from typing import Any, Iterator, Mapping

from modelkiln.conventions import VENV
from modelkiln.package.record import own_environment, recorded_environments

__all__ = ["Program", "list_programs", "members_by_environment", "wheels_by_environment"]


@dataclass(frozen=True)
class Program:
    """member: "" for what answers for the whole package; that of an ensemble within another one is "outer/inner".
    entry_point: "module:callable". folder: of its code, "" or "NAME/". environment: its path in an image."""

    member: str
    entry_point: str
    folder: str = ""
    environment: str = VENV


def list_programs(record: Mapping[str, Any]) -> list[Program]:
    """Return what runs in a package, that of the whole first; `combine` is one, too."""
    whole = Program("", str(record.get("entry_point") or ""), "", own_environment(record))
    return [whole, *_inside(record.get("ensemble") or {}, whole)]


def _inside(ensemble: Mapping[str, Any], outer: Program) -> Iterator[Program]:
    if ensemble.get("combine"):
        yield Program(outer.member, ensemble["combine"], outer.folder, outer.environment)
    for name, member in (ensemble.get("members") or {}).items():
        code = member.get("code")
        program = Program(
            f"{outer.member}/{name}" if outer.member else name,
            str(member.get("entry_point") or ""),
            f"{outer.folder}{code}/" if code else outer.folder,
            member.get("environment", outer.environment),
        )
        # Of an ensemble the members run, whose code is all that it has but for `combine`.
        yield from _inside(member["ensemble"], program) if "ensemble" in member else (program,)


def wheels_by_environment(record: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the wheels of each environment by its path in an image, the package's own first."""
    return {own_environment(record): list(record.get("requirements") or ()), **recorded_environments(record)}


def members_by_environment(record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the members that run in each environment, in the order of `wheels_by_environment`."""
    found: dict[str, list[str]] = {path: [] for path in wheels_by_environment(record)}
    for program in list_programs(record):
        names = found.setdefault(program.environment, [])
        if program.member and program.member not in names:
            names.append(program.member)
    return {path: tuple(sorted(names)) for path, names in found.items()}
