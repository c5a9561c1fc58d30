"""The command of a user's own that an image starts: a smoke test asks the model by another, and looks for this one."""

import posixpath
import stat
from pathlib import Path
from typing import Optional

from modelkiln.errors import ModelkilnError
from modelkiln.smoke.root_paths import follow
from modelkiln.smoke.runnable_image import Runnable

__all__ = ["check_own_command"]

# Where a shell and execvp(3) look without PATH.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check_own_command(image: Runnable, root: Path) -> None:
    """Refuse an image, unpacked in `root`, whose Entrypoint or Cmd names no program that could be started."""
    command = [*image.entrypoint, *image.cmd]
    if not command:
        return
    program, path = command[0], image.env.get("PATH") or _DEFAULT_PATH
    places = [image.working_dir] if "/" in program else path.split(":")
    if any(_is_program(_resolve(root, posixpath.join("/", place, program))) for place in places):
        return
    where = "the image has no program of that path" if "/" in program else f"no folder of PATH ({path}) has it"
    raise ModelkilnError(
        f"the image starts {program!r}, and {where}: it would end as soon as it is started. Name a program of the "
        "image in the field `entrypoint`; requirements that no code imports are named in `dependencies`."
    )


def _is_program(path: Optional[Path]) -> bool:
    mode = path.stat().st_mode if path else 0
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _resolve(root: Path, path: str) -> Optional[Path]:
    """Where `path` of the image leads to below `root`, by its links; None for nowhere."""
    try:
        return follow(root, path.split("/"), Path.stat)  # Which raises for what is not there.
    except OSError:
        return None
