"""What all scenarios share: generated monorepos, saved caches and peers, each made when first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Sequence

from buildah import Buildah, write_context
from engine import Engine, Pex
from generate import SOURCE, Monorepo, copy_backend
from measure import Sample
from teams import TeamMonorepo
from workspace import Workspace

__all__ = ["GIB", "Bench"]

GIB = 1 << 30
PEER = "localhost/bench-peer"


class Bench:
    """Everything lies below `folder`. rounds: how often a warm command is measured; cold_rounds:
    how often a cold one is. backend: a copy of the sources. use_peer: whether to compare with
    buildah. store: one whose wheels are linked to and not downloaded. before: a checkout of an older
    revision to compare with."""

    def __init__(
        self,
        folder: Path,
        rounds: int,
        cold_rounds: int,
        use_peer: bool = True,
        store: Path | None = None,
        before: Path | None = None,
    ) -> None:
        self.folder, self.rounds, self.cold_rounds = folder, rounds, cold_rounds
        self._store, self.before = store, before
        self.no_peer = Buildah.missing() if use_peer else "left out"
        self.backend = copy_backend(folder / "backend")
        self._workspaces: dict[tuple, Workspace] = {}
        self._contexts: set[Path] = set()

    def workspace(
        self,
        packages: int = 1,
        formats: Sequence[str] = ("oci",),
        big: int = 0,
        accelerator: str = "cpu",
        platforms: Sequence[str] = (),
        has_bill: bool = True,
    ) -> Workspace:
        """A monorepo whose daemon is warm, the only one of ours that runs. has_bill: whether its backend writes bills
        of materials."""
        key = (packages, tuple(formats), big, accelerator, tuple(platforms), *([] if has_bill else ["unbilled"]))
        if key not in self._workspaces:
            name = "-".join(str(part) for part in (packages, *formats, accelerator, big, *platforms, *key[5:]))
            root = self.folder / f"repo-{name.replace('/', '-')}"
            caches = self.folder / "caches"
            backend = self.backend if has_bill else self.unbilled
            repo = Monorepo(root, packages, backend, caches, formats, big, accelerator, platforms)
            repo.write()
            if big:
                Workspace(repo).pants("lock", "models/m000:big")
            self._workspaces[key] = Workspace(repo)
        self.awake(self._workspaces[key])
        return self._workspaces[key]

    def pair(self, formats: Sequence[str], accelerator: str, layout: str = "") -> tuple[Workspace, Workspace | None]:
        """One package in a monorepo on this backend, and in one on the older backend where there is one. Both are
        packaged and their daemons run, so that they can be measured in turns. layout: of our PEX."""
        self._stop_all()
        found: list[Workspace | None] = []
        for name, source in (("now", SOURCE), ("before", self.before)):
            if source is None:
                found.append(None)
                continue
            key = (name, *formats, accelerator, layout if name == "now" else "")
            if key not in self._workspaces:
                backend = self.folder / f"backend-{name}"
                if not backend.exists():
                    copy_backend(backend, source)
                root = self.folder / "-".join(("pair", *filter(None, key)))
                caches = self.folder / "pair-caches"
                repo = Monorepo(root, 1, backend, caches, formats, 0, accelerator, layout=key[-1])
                repo.write()
                self._workspaces[key] = Workspace(repo)
            workspace = self._workspaces[key]
            workspace.seed(self._store)
            workspace.package("models/m000:digits")
            found.append(workspace)
        now, before = found
        assert now
        return now, before

    def team(self, packages: int, environments: int) -> Workspace:
        """A monorepo of packages of all sizes, as `workspace`."""
        key = (packages, environments)
        if key not in self._workspaces:
            root = self.folder / f"teams-{packages}-{environments}"
            repo = TeamMonorepo(root, packages, self.backend, self.folder / "caches", environments=environments)
            repo.write()
            self._workspaces[key] = Workspace(repo)
            for folder in repo.to_lock():
                self.engine.run(
                    "build", "lock-weights", "--source=weights.bin", f"--folder={folder}", "--where=bench:weights",
                    f"--store={self.folder / 'locks'}", folder / "weights.lock.json",
                )  # fmt: skip
            repo.share_locks()
        self.awake(self._workspaces[key])
        return self._workspaces[key]

    def seed(self, workspace: Workspace) -> None:
        """Link what the workspace's locks name from a store that is there."""
        workspace.seed(self._store)

    def awake(self, workspace: Workspace) -> None:
        """Make its daemon the only one of ours that runs."""
        self._stop_all(but=workspace)
        if workspace.daemon() is None:
            workspace.pants("list", "::")

    def cold(self, workspace: Workspace) -> None:
        """Forget all that was built, except the engine's tool and what was downloaded."""
        saved, downloads = self.saved
        repo = workspace.repo
        if repo.accelerator != "cpu" or repo.platforms:
            downloads = self._downloads_of(workspace)
        self._stop_all(but=workspace)
        workspace.restore_caches(saved, downloads)

    def _downloads_of(self, workspace: Workspace) -> Path:
        """What an environment of another accelerator or platform downloads, in a folder of its own."""
        repo = workspace.repo
        name = "-".join(("downloads", repo.accelerator, *repo.platforms)).replace("/", "-")
        folder = self.folder / name
        if not folder.exists():
            workspace.seed(self._store)
            workspace.package("models/m000:digits")
            workspace.save_downloads(folder)
        return folder

    @cached_property
    def first(self) -> Sample:
        """The very first `package` in empty caches, of a package without dependencies: it makes the
        engine's tool, which happens once on a machine."""
        return self.workspace().package("prime:prime")

    @cached_property
    def saved(self) -> tuple[Path, Path]:
        """Folders: the caches of a machine that has packaged nothing yet, and its downloads."""
        workspace = self.workspace()
        assert self.first
        saved, downloads = self.folder / "saved-caches", self.folder / "downloads"
        workspace.save_caches(saved)
        workspace.seed(self._store)
        workspace.package()
        workspace.save_downloads(downloads)
        return saved, downloads

    @cached_property
    def unbilled(self) -> Path:
        """A backend that puts an empty object in place of each bill of materials."""
        backend = copy_backend(self.folder / "unbilled")
        rule = backend / "pants_modelkiln/package/bom.py"
        text, place = rule.read_text(), "    base = BaseFacts()\n"
        assert place in text, "write_bom is another"
        rule.write_text(text.replace(place, f'    return b"{{}}"\n{place}'))
        return backend

    @cached_property
    def engine(self) -> Engine:
        """The engine outside of Pants."""
        return Engine(self.folder / "engine", self.backend)

    @cached_property
    def pex(self) -> Pex:
        """The peer of the PEX format."""
        return Pex(self.folder / "pex", self.wheels)

    @cached_property
    def buildah(self) -> Buildah:
        """The peer, with its base."""
        peer = Buildah(self.folder / "buildah", self.wheels)
        peer.make_base()
        return peer

    @property
    def wheels(self) -> Path:
        """A folder of the environment's wheels; filled by `context`."""
        return self.folder / "wheels"

    def context(self, workspace: Workspace) -> Path:
        """The build context of the workspace's first package, which must have been packaged."""
        context = self.folder / f"context-{workspace.repo.root.name}"
        if context not in self._contexts:
            write_context(context, workspace, self.wheels)
            self._contexts.add(context)
        return context

    @cached_property
    def peer_image(self) -> str:
        """The tag of the peer's image of the first package."""
        workspace = self.workspace()
        workspace.package()
        self.buildah.build(self.context(workspace), PEER)
        return PEER

    def close(self) -> None:
        """End the daemons that were started, and unmount what was mounted."""
        self._stop_all()
        if "buildah" in self.__dict__:
            self.buildah.clean()

    def _stop_all(self, but: Workspace | None = None) -> None:
        for workspace in self._workspaces.values():
            if workspace is not but:
                workspace.stop()
