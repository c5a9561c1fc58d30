"""What a repository has already that a first package can use."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

__all__ = ["Repository", "find_root"]

# Python releases of which Debian has one, and Modelkiln a package list.
_READY = ("3.11", "3.13")
_PYTHON = re.compile(r"^interpreter_constraints\s*=\s*\[[^\]]*?\b(3\.[0-9]+)", re.MULTILINE)
_BASE_OPTION = re.compile(r"^\[modelkiln\]\s*$(?:\n(?!\[).*)*?\n\s*base_image\s*=", re.MULTILINE)
_BASE = re.compile(r"""\boci_base_image\(\s*name\s*=\s*["']([^"']+)["']""")
# Targets of third-party requirements, and the files that these name.
_TARGETS = re.compile(r"\b(?:python_requirements?|poetry_requirements|pipenv_requirements)\(")
_FILES = re.compile(r".*\.in|.*requirements.*\.txt|pyproject\.toml|Pipfile")
_SKIPPED = ("dist", "node_modules", "__pycache__")
_LARGEST = 1 << 20


def find_root(folder: Path) -> Optional[Path]:
    """Return the nearest folder above, or `folder` itself, that has a pants.toml; None without one."""
    return next((one for one in (folder, *folder.parents) if (one / "pants.toml").is_file()), None)


@dataclass(frozen=True)
class Repository:
    """python: the release that its code is for, as far as a ready base has it. has_base: whether an option names a base
    for all packages. base: the address of its only base image, or "". requirements: texts that list its requirements.
    """

    python: str = _READY[0]
    has_base: bool = False
    base: str = ""
    requirements: str = ""

    @classmethod
    def read(cls, root: Path) -> "Repository":
        """Return what there is below `root`. Files are searched and not evaluated: what is missed is written twice."""
        settings = (root / "pants.toml").read_text("utf-8", "replace")
        python = _PYTHON.search(settings)
        bases, texts = [], []
        for path, text in _texts(root):
            if path.name == "BUILD" or path.name.startswith("BUILD."):
                place = path.parent.relative_to(root).as_posix()
                bases += [f"//{'' if place == '.' else place}:{name}" for name in _BASE.findall(text)]
                texts += [text] if _TARGETS.search(text) else []
            else:
                texts.append(text)
        return cls(
            python[1] if python and python[1] in _READY else _READY[0],
            bool(_BASE_OPTION.search(settings)),
            bases[0] if len(bases) == 1 else "",
            "\n".join(texts),
        )

    def requires(self, name: str) -> bool:
        """Whether a requirement is among those of the repository."""
        return bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self.requirements))


def _texts(root: Path) -> Iterator[tuple[Path, str]]:
    for top, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in _SKIPPED)
        for name in sorted(names):
            path = Path(top, name)
            is_build = name == "BUILD" or name.startswith("BUILD.")
            if (is_build or _FILES.fullmatch(name)) and path.stat().st_size <= _LARGEST:
                yield path, path.read_text("utf-8", "replace")
