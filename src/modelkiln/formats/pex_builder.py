"""Pex' builder, and what it does otherwise: a PEX has a copy of Pex, of which some lines are changed.

Before it installs a wheel, a PEX of one file copies it out of itself into a temporary folder, which Pex
2.105.2 removes as its process ends. Where wheels are installed side by side, those processes are a
`multiprocessing` pool's, which end without what `atexit` would do, and all of the copies stay: 1.7 GB
for an environment with CUDA. So the PEX's own copy of Pex removes each wheel as soon as it is installed, which
also bounds what the folder holds at a time by one wheel for each job.

In a packed PEX in `dist/` the wheels are links to blobs of the store. Pex looks for a wheel's metadata where the link
leads to, and takes a file that is not called `.whl` for none.

Of starts, half is Pex, whose modules are in a zip file and compiled each time, and which then starts a virtual
environment. So a PEX has an installer of its own, which makes an environment and later finds it (`installer`), and goes
to Pex where settings of Pex or the machine ask for another.
"""

import hashlib
import json
import re
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
from modelkiln.formats import installer
from modelkiln.formats.installer import start
from modelkiln.formats.installer.environment import VENVS, WHEELS
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
# A first start that installs fewer bytes of wheels is over before one wonders what it does. Wheels that are smaller
# than the second do not count.
_NOTABLE, _LARGE = 20 << 20, 1 << 20
_OLD_MANYLINUX = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}


class _Info(PexInfo):  # type: ignore[misc]
    """Where the PEX keeps what it installs: as Pex has it on Linux for a home without links. Otherwise it would be what
    the building machine says, which has another place on macOS, or behind a link ~/.cache."""

    raw_pex_root = "~/.cache/pex"


class TidyBuilder(PEXBuilder):  # type: ignore[misc]
    """Builds PEX files whose own copy of Pex is changed; raises ModelkilnError for a Pex it does not know.

    wheel_sizes: of large ones where they are installed below `PEX_ROOT`, where by Pex, and how many bytes they have.
    """

    def __init__(self, target: Target, **options: Any) -> None:
        super().__init__(pex_info=_Info.default(), **options)
        self.target = target
        self.wheel_sizes: list[tuple[str, str, int]] = []

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
        installed = self._add_installer()
        # PEX files share unpacked copies of Pex by this hash.
        changed = " ".join([str(self.info.bootstrap_hash), *(after for _, _, after in _CHANGES), *installed])
        self.info.bootstrap_hash = hashlib.sha1(changed.encode(), usedforsecurity=False).hexdigest()

    def _add_installer(self) -> list[str]:
        """Put the installer's modules beside Pex' own, at the path of the engine; returns their texts."""
        *parents, _ = folders = installer.__name__.split(".")
        sources = {Path(*parents[:count], "__init__.py"): "" for count in range(1, len(folders))}
        for source in sorted(Path(installer.__file__).parent.glob("*.py")):
            if source.name != Path(start.__file__).name:
                sources[Path(*folders, source.name)] = source.read_text("utf-8")
        for path, text in sources.items():
            self._chroot.write(text.encode(), f"{self.info.bootstrap}/{path.as_posix()}", label="bootstrap")
        return list(sources.values())

    def _prepare_code(self) -> None:
        super()._prepare_code()
        main = Path(self.path(), MAIN)
        shebang, line, rest = main.read_text("utf-8").partition("\n")
        arguments = [
            self.info.raw_pex_root,
            f"{VENVS}/{self.info.pex_hash}",
            _VENV.replace("{pex_hash}", self.info.pex_hash),
            self.wheel_sizes,
            _NOTABLE,
            (
                tuple(map(int, self.target.python.split("."))),
                self.target.machine,
                max(map(_glibc, self.info.distributions), default=0),
            ),
        ]
        call = f"start_installed(os.path.dirname(__file__), {', '.join(map(repr, arguments))})"
        added = f'{Path(start.__file__).read_text("utf-8")}\n\nif __name__ == "__main__":\n    {call}\n\n'
        main.write_text(f"{shebang}{line}{added}{rest}", "utf-8")


def _glibc(wheel: str) -> int:
    """The minor of the oldest glibc 2 that a wheel of this name promises to run on; 0 where it promises nothing."""
    platforms = wheel[: -len(".whl")].split("-")[-1].split(".")
    found = [re.fullmatch(r"(manylinux_2_([0-9]+)|manylinux[0-9]+)_\w+", platform) for platform in platforms]
    return min((int(one[2] or _OLD_MANYLINUX[one[1]]) for one in found if one), default=0)


@contextmanager
def tidy_builder(
    spec: Mapping[str, Any], target: Target, wheels: Sequence[Mapping[str, str]], store: Store, scratch: Path
) -> Iterator["TidyBuilder"]:
    """Pex' builder with all of a package but its files; what it makes is on the store's file system."""
    (scratch / "wheels").mkdir()
    # Pex keeps what it learnt of the running interpreter here; nothing of it enters the PEX.
    with ENV.patch(PEX_ROOT=str((store.root / "pex-root").absolute())):
        builder = TidyBuilder(target, path=str(scratch / "tree"), copy_mode=CopyMode.SYMLINK)
        for wheel in wheels:
            link = scratch / "wheels" / wheel["filename"]
            link_or_copy(store.path(wheel_digest(wheel)), link)
            builder.add_distribution(Distribution.load(str(link)), fingerprint=wheel["sha256"])
            size = link.stat().st_size
            if size >= _LARGE:
                of_pex = f"{CacheDir.INSTALLED_WHEELS.rel_path()}/{wheel['sha256']}/{wheel['filename']}"
                builder.wheel_sizes.append((f"{WHEELS}/{wheel['sha256']}", of_pex, size))
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
