"""The scie format: a PEX and a portable CPython in one program, put together by Pex (`--scie eager`).

Pex has `science` do the work, which would look up and fetch what it needs. Here everything that it
needs comes from the store, by the lock, as the mirror that Pex is set to use; and a request to any
other place goes nowhere, so that nothing unpinned can get in.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Sequence

from modelkiln.base.portable_python_lock import (
    FLAVOR,
    MACHINES,
    InterpreterLock,
    python_path,
    scie_jump_path,
    science_path,
)
from modelkiln.errors import ModelkilnError
from modelkiln.formats.programs import link_or_copy, place_program, store_program
from modelkiln.formats.scie_assets import fetch_assets, scie_versions
from modelkiln.pinned_file import PinnedFile
from modelkiln.store.store import Store

__all__ = ["build_scie", "store_scie"]

_ARCHITECTURES = {machine: name for name, machine in MACHINES.items()}
# TCP port 9 is "discard": nobody answers there.
_NOWHERE = "http://127.0.0.1:9"


def build_scie(pex: Path, lock: InterpreterLock, target: str, store: Store, output: Path) -> None:
    """Write the program that `pex` and its interpreter make to `output`.

    target: the platform, "linux/amd64". The name of `pex` is that of the application inside. Files
    of the lock that `store` lacks are fetched. Raises ModelkilnError when Pex cannot build it.
    """
    with _built(pex, lock, target, store) as made:
        place_program(made, output)


def store_scie(pex: Path, lock: InterpreterLock, target: str, store: Store) -> tuple[str, int]:
    """Make that program a blob of `store`; returns its digest and size in bytes."""
    with _built(pex, lock, target, store) as made:
        return store_program(made, store)


@contextmanager
def _built(pex: Path, lock: InterpreterLock, target: str, store: Store) -> Iterator[Path]:
    science_version, jump_version = scie_versions()
    architecture = target.split("/")[1]
    science = lock.asset(science_path(science_version, _own_architecture()))
    jump = lock.asset(scie_jump_path(jump_version, architecture))
    interpreter = lock.asset(python_path(lock.python, lock.release, architecture))
    # science packs with the launcher of its own machine.
    packer = lock.asset(scie_jump_path(jump_version, _own_architecture()))
    fetch_assets({science, jump, interpreter, packer}, store, f"CPython {lock.python}")
    with store.temporary_folder() as scratch:
        _lay_out(scratch / "mirror", (jump, interpreter), store)
        _describe(scratch / "mirror", interpreter, lock, architecture)
        tool = scratch / "science"
        tool.write_bytes(store.path(science.digest).read_bytes())
        tool.chmod(0o755)
        # By its own name and not by that of the blob that it may be a link to, which Pex would follow.
        given = scratch / "program" / pex.name
        given.parent.mkdir()
        link_or_copy(Path(os.path.realpath(pex)), given)
        with _settings(scratch, store) as cache:
            _remember(cache, packer, store)
            yield _run_pex(given, lock, _configuration(lock, tool, architecture, scratch))


def _own_architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES or not sys.platform.startswith("linux"):
        raise ModelkilnError(
            f"programs with an interpreter are built on Linux on {' or '.join(_ARCHITECTURES)}, and this is "
            f'{platform.system()} on {machine}: leave "scie" out of `formats` here.'
        )
    return _ARCHITECTURES[machine]


def _lay_out(mirror: Path, assets: Sequence[PinnedFile], store: Store) -> None:
    for asset in assets:
        target = mirror / asset.path
        target.parent.mkdir(parents=True)
        link_or_copy(store.path(asset.digest), target)
        target.with_name(f"{asset.name}.sha256").write_text(f"{asset.sha256} *{asset.name}\n")


def _describe(mirror: Path, interpreter: PinnedFile, lock: InterpreterLock, architecture: str) -> None:
    """Write what a mirror states about a release, as `science download provider` writes it.

    a-scie/lift, science/providers/python_build_standalone.py, `Distributions` and `FingerprintedAsset`.
    """
    home = mirror / "providers" / "PythonBuildStandalone"
    described = {
        "digest": {"fingerprint": interpreter.sha256, "size": interpreter.size},
        "file_type": "tar.gz",
        "name": interpreter.name,
        "rel_path": f"download/{lock.release}/{interpreter.name}",
        "target_triple": f"{MACHINES[architecture]}-unknown-linux-gnu",
        "version": lock.python,
    }
    text = json.dumps({"assets": [described], "base_url": home.as_uri(), "release": lock.release})
    (home / "download" / lock.release / f"distributions-{lock.python}-{FLAVOR}.json").write_text(text)


@contextmanager
def _settings(scratch: Path, store: Store) -> Iterator[Path]:
    """The environment for Pex and science: nothing of the user's, no network. Yields science's cache."""
    from pex.common import environment_as
    from pex.scie import science
    from pex.variables import ENV

    proxies = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    settings = {
        "HOME": str(scratch),
        "SCIE_BASE": str((store.root / "scie-base").absolute()),  # Where science unpacks itself, once.
        **dict.fromkeys(proxies, _NOWHERE),
        "NO_PROXY": None,
        "no_proxy": None,
    }
    with environment_as(**settings), ENV.patch(PEX_ROOT=str(scratch / "pex-root")):
        yield Path(science._science_dir(ENV, "cache"))


def _remember(cache: Path, packer: PinnedFile, store: Store) -> None:
    """Make science find the locked launcher where it would look for the latest one.

    It packs with whichever scie-jump is the newest on the day, and no option names another. Its cache
    of downloads does: a-scie/lift, science/cache.py (`DownloadCache`) and science/fetcher.py (`FetchResult`).
    """
    plain = packer.name.replace("-gnu-", "-")
    for name in (packer.name, plain):
        url = f"https://github.com/a-scie/jump/releases/latest/download/{name}"
        entry = cache / "downloads" / "1" / hashlib.sha256(url.encode()).hexdigest()
        (entry / "_").mkdir(parents=True)
        (entry / "+").mkdir()
        shutil.copyfile(store.path(packer.digest), entry / "_" / name)
        (entry / "_" / name).chmod(0o755)
        (entry / "+" / "digest.json").write_text(json.dumps({"size": packer.size, "hash": packer.sha256}))
        entry.with_suffix(".ttl").write_text("12/31/68 00:00:00")  # Two digits of a year: the last one of this century.


def _run_pex(pex: Path, lock: InterpreterLock, configuration: Any) -> Path:
    from pex.result import ResultError
    from pex.scie import science

    try:
        made = list(science.build(configuration, str(pex)))
    except (science.ScienceError, ResultError, ValueError, OSError) as error:
        raise ModelkilnError(f"{pex.stem}: Pex cannot embed CPython {lock.python}: {str(error)[-2000:]}") from None
    return Path(made[0].file)


def _configuration(lock: InterpreterLock, science: Path, architecture: str, scratch: Path) -> Any:
    from pex.scie import InterpreterDistribution, Provider, ScieConfiguration, ScieOptions, ScieStyle
    from pex.scie.model import File, PlatformNamingStyle, Url
    from pex.sysconfig import SysPlatform

    target = SysPlatform.for_value(f"linux-{MACHINES[architecture]}")
    version = tuple(int(part) for part in lock.python.split("."))
    options = ScieOptions(
        style=ScieStyle.EAGER,
        # Always: otherwise it would depend on the machine that builds.
        naming_style=PlatformNamingStyle.FILE_SUFFIX,
        platforms=(target,),
        pbs_release=lock.release,
        pbs_stripped=True,
        python_version=version,
        science_binary=File(str(science)),
        assets_base_url=Url((scratch / "mirror").as_uri()),
    )
    provider = Provider.PythonBuildStandalone
    return ScieConfiguration(options, (InterpreterDistribution(provider, target, version, lock.release),))
