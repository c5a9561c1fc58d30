"""Git's own configuration, asked of git itself: nothing here reads or merges its files."""

import re
import shlex
import subprocess
from base64 import b64encode
from functools import cached_property
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from modelkiln.errors import ModelkilnError

__all__ = ["Git"]

_SECONDS = 60
_LFSCONFIG = ".lfsconfig"
# How git refuses every question about a checkout of another user's (safe.directory in git-config(1)).
_FOREIGN = re.compile(r"detected dubious ownership in repository at '(.+)'")


class Git:
    """The git that is configured for a checkout. Nobody is asked for a password.

    folder: of the checkout. env: the machine's settings, see `load_machine_env`. where: what errors begin
    with. Raises ModelkilnError where git cannot be run.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], where: str) -> None:
        self.folder, self._env, self._where = folder, env, where

    def run(self, *arguments: str, question: str = "") -> str:
        """Return what git prints, "" when it fails."""
        done = self._ask(arguments, question)
        return done.stdout.strip() if done.returncode == 0 else ""

    def check_owner(self) -> None:
        """Raise ModelkilnError where git answers nothing because the checkout belongs to another user.

        As in CI that mounts a checkout into a container. To `run` it looks like a folder without git.
        """
        found = _FOREIGN.search(self._ask(("rev-parse", "--git-dir")).stderr)
        if found:
            raise ModelkilnError(
                f"{self._where}: git refuses the checkout {found[1]}, which belongs to another user than the one who "
                f"runs this. Trust it with `git config --global --add safe.directory {shlex.quote(found[1])}`, or give "
                "it to that user."
            )

    def _ask(self, arguments: Sequence[str], question: str = "") -> "subprocess.CompletedProcess[str]":
        env = {**self._env, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
        env.setdefault("GIT_ASKPASS", "true")
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env=env,
                input=question,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ModelkilnError(
                f"{self._where}: git cannot be run in {self.folder} ({error}). Install it, or fetch the file with "
                "`git lfs pull`."
            ) from None

    def setting(self, name: str) -> str:
        """Return a setting of git, else of the repository's `.lfsconfig` (git-lfs-config(5)).

        The latter lies at the checkout's root; where it is not checked out the index has it, else HEAD.
        """
        readers: List[Callable[[], str]] = [
            lambda: self.run("config", "--get", name),
            lambda: self.run("config", "--file", str(self._root / _LFSCONFIG), "--get", name),
        ]
        if not (self._root / _LFSCONFIG).is_file():
            blobs = (f":{_LFSCONFIG}", f"HEAD:{_LFSCONFIG}")
            has = next((blob for blob in blobs if self.run("rev-parse", "--verify", "--quiet", blob)), "")
            readers[1:] = [lambda: self.run("config", "--blob", has, "--get", name)] if has else []
        return next(filter(None, (read() for read in readers)), "")

    @cached_property
    def _root(self) -> Path:
        return Path(self.run("rev-parse", "--show-toplevel") or self.folder)

    def remote(self) -> str:
        """Return the name of the remote that git-lfs would fetch from.

        The branch's own, `remote.lfsdefault`, the only one, else origin.
        """
        branch = self.run("symbolic-ref", "--quiet", "--short", "HEAD")
        tracked = self.run("config", "--get", f"branch.{branch}.remote") if branch else ""
        if tracked not in ("", "."):  # A dot stands for a branch of the same repository.
            return tracked
        remotes = self.run("remote").split()
        return self.setting("remote.lfsdefault") or (remotes[0] if len(remotes) == 1 else "origin")

    def address(self, name: str) -> str:
        """Return where a remote or an address really is (`url.<base>.insteadOf`); "" for a remote without one."""
        is_remote = "/" not in name and ":" not in name
        if not name or (is_remote and not self.run("config", "--get-all", f"remote.{name}.url")):
            return ""
        return self.run("ls-remote", "--get-url", "--", name)

    def has_empty_lfs_file(self, path: str) -> bool:
        """Return whether the index has an empty file at `path` that Git LFS keeps: there it is its own pointer."""
        return self.run("cat-file", "-s", f":./{path}") == "0" and self.run(
            "check-attr", "filter", "--", path
        ).endswith(": filter: lfs")

    def extra_headers(self, url: str) -> Dict[str, str]:
        """Return the headers that `http.extraHeader` and `http.<url>.extraHeader` add to requests for `url`."""
        listed = self.run("config", "--null", "--get-regexp", r"^http\.(.*\.)?extraheader$")
        by_key: Dict[str, List[str]] = {}
        for key, _, value in (entry.partition("\n") for entry in listed.split("\0") if entry):
            by_key.setdefault(key.rpartition(".")[0], []).append(value.strip())
        # `--get-urlmatch` names one value of the best key, which may have several: git is asked for the key.
        keys = [key for key in by_key if "=" not in key]
        probes = [part for number, key in enumerate(keys) for part in ("-c", f"{key}.modelkiln={number}")]
        best = self.run(*probes, "config", "--get-urlmatch", "http.modelkiln", url) if keys else ""
        values = by_key[keys[int(best)]] if best else []
        if "" in values:  # An empty value takes back those before it (git-config(1)).
            values = values[len(values) - values[::-1].index("") :]
        pairs = (value.partition(":") for value in values)
        return {name.strip(): text.strip() for name, colon, text in pairs if colon}

    def login(self, url: str, user: str = "") -> str:
        """Return the Authorization header that git's credential helpers know for `url`, or ""."""
        parts = urlsplit(url)
        question = f"protocol={parts.scheme}\nhost={parts.netloc}\npath={parts.path.lstrip('/')}\n"
        question += f"username={unquote(user)}\n" if user else ""
        text = self.run("credential", "fill", question=f"{question}\n")
        found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if "username" not in found or "password" not in found:
            return ""
        return "Basic " + b64encode(f"{found['username']}:{found['password']}".encode()).decode()
