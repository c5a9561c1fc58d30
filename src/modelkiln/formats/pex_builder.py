"""Pex' builder, and what it does otherwise: a PEX has a copy of Pex, of which some lines are changed.

Before it installs a wheel, a PEX of one file copies it out of itself into a temporary folder, which Pex
2.105.2 removes as its process ends. Where wheels are installed side by side, those processes are a
`multiprocessing` pool's, which end without what `atexit` would do, and all of the copies stay: 1.7 GB
for an environment with CUDA. So the PEX's own copy of Pex removes each wheel as soon as it is installed, which
also bounds what the folder holds at a time by one wheel for each job.

In a packed PEX in `dist/` the wheels are links to blobs of the store. Pex looks for a wheel's metadata where the link
leads to, and takes a file that is not called `.whl` for none.

Of later starts, half is Pex, whose modules are in a zip file and compiled each time, and which then starts the virtual
environment that the first start made. So a PEX looks for that itself, and goes to Pex where it has to be made or where
settings of Pex may ask for another. The first start takes seconds, for gigabytes a minute; a line says why.
"""

import hashlib
import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from pex.cache.dirs import CacheDir
from pex.dist_metadata import Distribution
from pex.interpreter_constraints import InterpreterConstraints
from pex.pex_builder import CopyMode, PEXBuilder
from pex.pex_info import PexInfo
from pex.variables import ENV

from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import MAIN
from modelkiln.formats.programs import link_or_copy
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.store.store import Store
from modelkiln.wheels.platforms import Target

__all__ = ["TidyBuilder", "tidy_builder"]

# Of a module: what it has once, and what it gets in its place.
_REMOVE = (
    "pex/layout.py",
    """\
            install_wheel_chroot(self.wheel_file_path(dist_relpath_components), dest_dir)
        else:
            zip_relpath =""",
    """\
            # Changed by Modelkiln: a process of a pool ends without removing its temporary folders.
            from pex.common import safe_rmtree

            wheel_file = self.wheel_file_path(dist_relpath_components)
            try:
                install_wheel_chroot(wheel_file, dest_dir)
            finally:
                safe_rmtree(os.path.dirname(os.path.dirname(wheel_file)))
        else:
            zip_relpath =""",
)
_FOLLOW = (
    "pex/dist_metadata.py",
    """\
    location = os.path.realpath(location)

    files = []""",
    """\
    # Changed by Modelkiln: a wheel may be a link to a file of another name.
    if not (location.endswith(".whl") and os.path.isfile(location)):
        location = os.path.realpath(location)

    files = []""",
)
_CHANGES = (_REMOVE, _FOLLOW)
# Where Pex keeps the environment of a PEX with interpreter constraints, as long as no setting names other interpreters
# or PEX files (pex/variables.py, venv_dir).
_SELECTION = json.dumps({"PEX_PYTHON_PATH": None, "pex_path": {}}, sort_keys=True)
_VENV = f"venvs/4/{{pex_hash}}/{hashlib.sha1(_SELECTION.encode(), usedforsecurity=False).hexdigest()}/pex"
# A first start that installs fewer bytes of wheels is over before one wonders what it does: 37 MB took three seconds.
# Wheels that are smaller than the second do not count.
_NOTABLE, _LARGE = 20 << 20, 1 << 20
_START = """\
import os
import sys


# Added by Modelkiln: an environment that is there is started at once, as Pex does it after its imports.
def __start_installed__(pex, root, path, wheels):
    rcs = ("/etc/pexrc", os.path.expanduser("~/.pexrc"), os.path.join(os.path.dirname(sys.argv[0]), ".pexrc"))
    known = ("PEX", "PEX_ROOT", "PEX_IGNORE_RCFILES")
    if (
        any(name == "PYTHONPATH" or name.lstrip("_").startswith("PEX") and name not in known for name in os.environ)
        or any(map(os.path.exists, rcs))
        or len(getattr(sys, "orig_argv", ())) != len(sys.argv) + 1
    ):
        return
    root = os.path.realpath(os.path.expanduser(os.environ.get("PEX_ROOT") or root))
    script = os.path.join(root, path)
    try:
        with open(script) as stream:
            python, _, option = stream.readline()[2:].strip().partition(" ")
    except (IOError, OSError):
        size = sum(size for folder, size in wheels if not os.path.exists(os.path.join(root, folder)))
        if size > {notable!r} and sys.stderr:
            name = os.path.basename(sys.argv[0])
            try:
                sys.stderr.write("%s: first start, installs %d MB of wheels in %s\\n" % (name, size // 1000000, root))
                sys.stderr.flush()
            except (IOError, OSError):
                pass  # A full disk, or nobody who reads: no reason not to start.
        return
    if os.access(script, os.X_OK) and os.access(python, os.X_OK):
        os.environ["PEX"] = os.path.realpath(pex)
        os.execv(python, [python, *([option] if option else []), script, *sys.argv[1:]])


if __name__ == "__main__":
    __start_installed__(os.path.dirname(__file__), {root!r}, {path!r}, {wheels!r})
"""


class _Info(PexInfo):  # type: ignore[misc]
    """Where the PEX keeps what it installs: as Pex has it on Linux for a home without links. Otherwise it would be what
    the building machine says, which has another place on macOS, or behind a link ~/.cache."""

    raw_pex_root = "~/.cache/pex"


class TidyBuilder(PEXBuilder):  # type: ignore[misc]
    """Builds PEX files whose own copy of Pex is changed; raises ModelkilnError for a Pex it does not know.

    wheel_sizes: the large ones by where they are installed, below the folder that Pex keeps.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(pex_info=_Info.default(), **options)
        self.wheel_sizes: list[tuple[str, int]] = []

    def _prepare_bootstrap(self) -> None:
        super()._prepare_bootstrap()
        for name, before, after in _CHANGES:
            module = Path(self.path(), self.info.bootstrap, name)
            source = module.read_text("utf-8")
            if source.count(before) != 1:
                raise ModelkilnError(
                    f"pex: {name} is not that of the Pex that this engine's lock names (tool.txt), so that packages "
                    "would leave copies of their wheels in the temporary folder, or not find their wheels. Use the "
                    "locked release of Pex."
                )
            module.unlink()  # Never written through: it may be a link to Pex' own file.
            module.write_text(source.replace(before, after), "utf-8")
        # PEX files share unpacked copies of Pex by this hash.
        changed = " ".join([str(self.info.bootstrap_hash), *(after for _, _, after in _CHANGES), _START])
        self.info.bootstrap_hash = hashlib.sha1(changed.encode(), usedforsecurity=False).hexdigest()

    def _prepare_code(self) -> None:
        super()._prepare_code()
        main = Path(self.path(), MAIN)
        shebang, line, rest = main.read_text("utf-8").partition("\n")
        values: dict[str, Any] = {
            "root": self.info.raw_pex_root,
            "path": _VENV.replace("{pex_hash}", self.info.pex_hash),
            "wheels": self.wheel_sizes,
            "notable": _NOTABLE,
        }
        start = _START
        for name, value in values.items():
            start = start.replace(f"{{{name}!r}}", repr(value))
        main.write_text(f"{shebang}{line}{start}{rest}", "utf-8")


@contextmanager
def tidy_builder(
    spec: Mapping[str, Any], target: Target, wheels: Sequence[Mapping[str, str]], store: Store, scratch: Path
) -> Iterator["TidyBuilder"]:
    """Pex' builder with all of a package but its files; what it makes is on the store's file system."""
    (scratch / "wheels").mkdir()
    # Pex keeps what it learnt of the running interpreter here; nothing of it enters the PEX.
    with ENV.patch(PEX_ROOT=str((store.root / "pex-root").absolute())):
        builder = TidyBuilder(path=str(scratch / "tree"), copy_mode=CopyMode.SYMLINK)
        for wheel in wheels:
            link = scratch / "wheels" / wheel["filename"]
            link_or_copy(store.path(wheel_digest(wheel)), link)
            builder.add_distribution(Distribution.load(str(link)), fingerprint=wheel["sha256"])
            size = link.stat().st_size
            if size >= _LARGE:
                folder = f"{CacheDir.INSTALLED_WHEELS.rel_path()}/{wheel['sha256']}/{wheel['filename']}"
                builder.wheel_sizes.append((folder, size))
            builder.add_requirement(f"{wheel['name']}=={wheel['version']}")
        for name in spec.get("provided", ()):
            builder.info.add_exclude(name)
        builder.info.deps_are_wheel_files = True
        # The first start makes a virtual environment, and later ones run in it at once. Pex's other
        # mode sets up its import machinery anew each time, about a second for numpy.
        builder.info.venv = True
        # 0: one job for each core, when the wheels are installed on the PEX's first start.
        builder.info.max_install_jobs = 0
        builder.info.interpreter_constraints = InterpreterConstraints.parse(f"CPython=={target.python}.*")
        builder.set_entry_point(spec["entry_point"])
        builder.set_shebang(f"/usr/bin/env python{target.python}")
        yield builder
