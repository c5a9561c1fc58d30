"""Programs of others that copy packages between registries and layouts: oras, crane, regctl, skopeo."""

import os
import subprocess
from pathlib import Path

from components import require, require_go

__all__ = ["Tools"]

_GO = Path(__file__).resolve().parents[2] / "3rdparty/go/readers"


class Tools:
    """They speak to the registry `host` without TLS, with a home of their own below `folder`."""

    def __init__(self, host, folder):
        self.host, self.home = host, Path(folder, "home")
        self.home.mkdir(parents=True, exist_ok=True)

    def run(self, *command, cwd=None):
        """Run a program and return what it prints; a failure fails the test with its errors."""
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.home)}
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env, cwd=cwd, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def crane(self, *arguments):
        """Run crane, which takes registries of this machine for ones without TLS."""
        return self.run(require_go(_GO, "crane"), *arguments)

    def oras(self, command, *arguments, plain=("--plain-http",), cwd=None):
        """Run oras. plain: the options that say which side speaks no TLS."""
        return self.run(require_go(_GO, "oras"), *command.split(), *plain, *arguments, cwd=cwd)

    def regctl(self, *arguments):
        """Run regctl."""
        program = require_go(_GO, "regctl")
        self.run(program, "registry", "set", "--tls", "disabled", "--skip-check", self.host)
        return self.run(program, *arguments)

    def skopeo_copy(self, source, target, *options):
        """Copy with skopeo, both registries without TLS."""
        command = [require("skopeo"), "--insecure-policy", "copy", "-q", "--src-tls-verify=false"]
        return self.run(*command, "--dest-tls-verify=false", *options, source, target)
