"""`modelkiln COMMAND`: what people use on layouts, and the steps that build processes run."""

# Little, so that an interrupt hardly ever comes before `main` can meet it: what else it needs, it imports itself.
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, Optional, Sequence

if TYPE_CHECKING:
    import argparse

__all__ = ["COMMANDS", "main", "make_parser"]

# Command -> module of this package. A module has HELP (one line), EXAMPLES (command lines without "modelkiln"),
# add_arguments(parser) and run(args) -> exit code. It is imported only when its command is called: a build step starts
# in tens of milliseconds, and importing every command would double that.
COMMANDS = {
    "init": "starter.init",
    "inspect": "inspect",
    "lint": "linting.lint",
    "diff": "report.diff",
    "why": "report.why",
    "report": "report.report",
    "validate": "validate",
    "export": "export",
    "load": "load",
    "publish": "publish",
    "pull": "pull",
    "verify": "verify",
    "sign": "attestation.sign",
    "sbom": "attestation.sbom",
    "provenance": "attestation.provenance",
    "store": "store",
    "mirror": "lock.mirror",
    "doctor": "report.doctor",
    "completion": "starter.completion",
}
# Steps of a build, each one process, without examples. Their arguments may change with every release.
STEPS = {
    "resolve": "build.resolve",
    "wheel": "build.wheel",
    "fetch": "build.fetch",
    "layer": "build.layer",
    "check-artifact": "build.check_artifact",
    "committed-pointers": "build.committed_pointers",
    "fetch-pointers": "build.fetch_pointers",
    "debian-facts": "attestation.debian_facts",
    "debian-lock": "lock.debian",
    "python-lock": "lock.python",
    "lock-weights": "lock.weights",
    "lock-interpreter": "lock.portable_python",
    "registry-image": "build.registry_image",
    "blob": "build.blob",
    "lint": "linting.batch",
    "fix-lint": "linting.fix",
    "model-wheel": "formats.model_wheel",
    "pex": "formats.pex",
    "pex-parts": "formats.pex_parts",
    "scie": "formats.scie",
    "smoke": "build.smoke",
    "publish-package": "build.publish_package",
    "publish-wheel": "build.publish_wheel",
    "run-pex": "build.run_pex",
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return its exit code: 0 done, 1 refused or failed, 2 bad usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        print(f"modelkiln{_named(arguments)}: interrupted", file=sys.stderr)
        return 130  # 128 and the signal's number, as shells report it.


def _named(arguments: Sequence[str]) -> str:
    """The command of a command line, for messages."""
    name = next(iter(arguments[1:2] if arguments[:1] == ["build"] else arguments[:1]), "")
    return f" {name}" if name in COMMANDS or name in STEPS else ""


def _main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["build"] and arguments[1:2] and arguments[1] in STEPS:
        # What it refuses is shown to somebody who never typed its name.
        return _run(arguments[1], STEPS[arguments[1]], arguments[2:], "")
    if arguments and arguments[0] in COMMANDS:
        from modelkiln.machine.settings import own_settings

        with own_settings():
            return _run(arguments[0], COMMANDS[arguments[0]], arguments[1:], f"modelkiln {arguments[0]}: ")
    return _usage(arguments)


def make_parser(name: str, module: Any) -> "argparse.ArgumentParser":
    """Return the parser of a command, whose help ends in its examples."""
    import argparse

    examples = [f"  modelkiln {line}" for line in getattr(module, "EXAMPLES", ())]
    parser = argparse.ArgumentParser(
        prog=f"modelkiln {name}",
        description=module.HELP,
        epilog="\n".join(["examples:", *examples]) if examples else None,
        # Else argparse would fill the lines of the examples.
        formatter_class=argparse.RawDescriptionHelpFormatter if examples else argparse.HelpFormatter,
    )
    module.add_arguments(parser)
    return parser


def _run(name: str, module_name: str, arguments: Sequence[str], prefix: str) -> int:
    """prefix: of the messages of what is refused."""
    from modelkiln.errors import ModelkilnError
    from modelkiln.wording import printable

    module = importlib.import_module(f"modelkiln.cli.{module_name}")
    parser = make_parser(name, module)
    try:
        return module.run(parser.parse_args(arguments))
    except ModelkilnError as error:
        print(printable(f"{prefix}{error}"), file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        # Of a wheel that was installed without its extra; a command's dependencies are imported as it runs.
        print(
            f"modelkiln {name}: needs the package {error.name}, which is not installed. "
            f"Install the command line with what it needs: pip install 'modelkiln[{_extra_of(error.name)}]'.",
            file=sys.stderr,
        )
        return 1
    except BrokenPipeError:
        # The reader has left (`modelkiln inspect x | head`). Python would complain once more
        # when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        # A disk that is full, a folder that may not be written: reported with its path.
        print(printable(f"modelkiln {name}: {error}"), file=sys.stderr)
        return 1


def _extra_of(module: Optional[str]) -> str:
    """The extra of the wheel that brings a module's package."""
    return "sigstore" if (module or "").partition(".")[0] == "sigstore" else "cli"


def _usage(arguments: Sequence[str]) -> int:
    import argparse

    from modelkiln import __version__

    parser = argparse.ArgumentParser(
        prog="modelkiln", description="Inspect, check and move the packages that Modelkiln builds."
    )
    parser.add_argument("--version", action="version", version=f"modelkiln {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, module_name in COMMANDS.items():
        module = importlib.import_module(f"modelkiln.cli.{module_name}")
        commands.add_parser(name, help=module.HELP, add_help=False)
    parser.parse_args(arguments)
    parser.print_help(sys.stderr)
    return 2
