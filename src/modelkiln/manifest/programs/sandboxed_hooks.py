"""Runs the hooks of build backends (PEP 517) in a sandbox: what is in an sdist is anybody's code.

pip and PyPA's build ask a backend for metadata and requirements in a process of its own, as the user, with home,
environment and network at hand. Here such a process sees the sdist, what it is built with, and a temporary folder; no
home, no network, and the variables that are listed. It imports nothing of Modelkiln, since pip's interpreter runs it,
and uses modules that pip calls internal, of the release that the tools' locks pin.

MODELKILN_HOOKS in the environment is a JSON object: `command`, the start of a command line that makes the sandbox,
null where this machine cannot make one, `reason`, why not, and `allowed`, the names of the packages whose hooks may
run without.
"""

import importlib.machinery
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress

SETTING = "MODELKILN_HOOKS"
# Of pip and build for their hooks, and what decides how a program runs. Compilers' flags would reach the metadata.
_NAMES = re.compile(
    r"PATH|PYTHONPATH|PYTHONNOUSERSITE|PYTHONHASHSEED|LANG|LC_ALL|TMPDIR|_?PYPROJECT_HOOKS_\w+|PEP517_\w+"
)


class NoSandbox(Exception):
    """There is no sandbox, and the package is not one whose hooks may run without."""


def use_private_folder():
    """Make all temporary files of this process and those that it starts lie in one folder; returns its path.

    Hooks may write there, and nowhere else.
    """
    folder = os.path.realpath(tempfile.mkdtemp(prefix="modelkiln-hooks-"))
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return folder


def command(argv, cwd, environ, name=""):
    """Return the command line that runs a hook of the package `name` with the environment `environ` in a sandbox.

    Raises NoSandbox.
    """
    settings = json.loads(os.environ[SETTING])
    if settings["command"] is None:
        from pip._vendor.packaging.utils import canonicalize_name

        if canonicalize_name(name) in settings["allowed"]:
            return list(argv)
        raise NoSandbox(
            f"{name or cwd} has no wheel, and its metadata come from its own code, which runs in a sandbox only. "
            f"{settings['reason']} Or pin a version that has a wheel, or, if you trust its code, add {name!r} to "
            "[modelkiln].unsandboxed_sdists of the resolve."
        )
    writable = [tempfile.gettempdir(), cwd or os.getcwd(), *_folders_of(argv)]
    writable = dict.fromkeys(os.path.realpath(path) for path in writable)
    program = [os.path.dirname(part) for part in argv[1:2]]
    folders = [sys.prefix, sys.base_prefix, *program, *environ.get("PATH", "").split(os.pathsep)]
    readable = dict.fromkeys(path for folder in folders if folder for path in (folder, os.path.realpath(folder)))
    line = [*settings["command"]]
    for option, paths in (("--ro-bind-try", readable), ("--bind", writable)):
        for path in paths:
            line += [option, path, path]
    home = os.path.join(tempfile.gettempdir(), "home")
    os.makedirs(home, exist_ok=True)
    line += ["--clearenv", "--setenv", "HOME", home]
    for key, value in environ.items():
        if _NAMES.fullmatch(key):
            line += ["--setenv", key, str(value)]
    return [*line, "--chdir", os.path.realpath(cwd or os.getcwd()), "--new-session", "--", *argv]


def _folders_of(argv):
    """The folders that a hook is to write to: pyproject_hooks gives its arguments in a file."""
    try:
        with open(os.path.join(argv[-1], "input.json"), encoding="utf-8") as stream:
            arguments = json.load(stream)["kwargs"]
    except (OSError, ValueError, KeyError):
        return []
    return [value for key, value in arguments.items() if key.endswith("_directory") and value]


def run_hook(argv, cwd=None, extra_environ=None):
    """Run a hook for PyPA's build, quietly; as `pyproject_hooks.quiet_subprocess_runner`."""
    line = command(argv, cwd, {**os.environ, **(extra_environ or {})})
    subprocess.run(
        line, cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def install(python, requirements):
    """Install requirements, read from a project, into the environment of the interpreter `python`."""
    import pip

    if not requirements:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in requirements)
        file.flush()
        line = [python, "-I", os.path.abspath(__file__), os.path.dirname(os.path.dirname(pip.__file__)), "install"]
        line += ["--use-pep517", "--no-warn-script-location", "--no-compile", "--requirement", file.name]
        environ = {**os.environ, "_PIP_RUNNING_IN_SUBPROCESS": "1"}
        subprocess.run(line, env=environ, check=True, stdin=subprocess.DEVNULL, capture_output=True)


class PipFinder:
    """Finds pip in a folder, and nothing else that lies in it: what pip sees there it does not install anew."""

    def __init__(self, folder):
        self._folder = folder

    def find_spec(self, name, path=None, target=None):
        """Return where to load pip from, None for any other module."""
        return importlib.machinery.PathFinder.find_spec(name, [self._folder], target) if name == "pip" else None


def sandbox_pip():
    """Make pip, in this process, run each hook in a sandbox, also of what it installs to ask another hook."""
    # Their modules keep the function for pip itself, by which it would be started without these changes. pip 26.1 made
    # a package of the one.
    with suppress(ModuleNotFoundError):
        importlib.import_module("pip._internal.build_env.installer")
    from pip._internal.distributions.sdist import SourceDistribution
    from pip._internal.utils import subprocess as pip_subprocess

    os.environ["PIP_USE_FEATURE"] = "inprocess-build-deps"
    call, prepare, names = pip_subprocess.call_subprocess, SourceDistribution.prepare_distribution_metadata, [""]

    def call_sandboxed(cmd, *arguments, cwd=None, extra_environ=None, **options):
        line = command(cmd, cwd, {**os.environ, **(extra_environ or {})}, names[-1])
        return call(line, *arguments, cwd=cwd, extra_environ=extra_environ, **options)

    def prepare_named(self, *arguments, **options):
        names.append(self.req.name or "")
        try:
            return prepare(self, *arguments, **options)
        finally:
            names.pop()

    pip_subprocess.call_subprocess = call_sandboxed
    SourceDistribution.prepare_distribution_metadata = prepare_named


if __name__ == "__main__":
    # pip itself, as `pip --python` starts it under another interpreter: `python -I sandboxed_hooks.py FOLDER
    # ARGUMENTS`, where FOLDER is the one that pip lies in.
    sys.meta_path.insert(0, PipFinder(sys.argv[1]))
    sandbox_pip()
    from pip._internal.cli.main import main

    sys.exit(main(sys.argv[2:]))
