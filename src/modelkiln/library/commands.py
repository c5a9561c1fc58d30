"""The command line of a model that an application can import."""

import importlib.metadata
import json
import sys

from modelkiln.library.model import find_callable, own_package, record
from modelkiln.runtime import cli, entry_point
from modelkiln.runtime import record as package_record
from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.record import Package

__all__ = ["main"]


def main(argv=None):
    """Run one command as the other formats have it; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        package = own_package()
        if arguments == ["info"]:
            more = {}
            if package.is_lazy:
                from modelkiln.runtime.weights.lazy import state

                more = {"lazy": state(package)}
            text = json.dumps({**record, **more}, indent=2, sort_keys=True, ensure_ascii=False)
            sys.stdout.write(f"{text}\n")
            return 0
    except PackageError as error:
        sys.stderr.write(f"{record['wheel']['distribution']}: {error}\n")
        return 1
    # This copy of the runtime is this model's alone; its own way to find the code would put that on `sys.path`.
    package_record.find_package = lambda: _as_installed(package) if arguments[:1] == ["verify"] else package
    entry_point.load = _load
    return cli.main(arguments)


def _load(text, root):
    try:
        return find_callable(text)
    except (Exception, SystemExit) as error:
        raise PackageError(
            f"entry point {text}: cannot be imported: {type(error).__name__}: {error}. "
            "Run with --debug for the traceback."
        ) from error


def _as_installed(package):
    """The package with the distributions of this environment that `verify` can hold it to.

    The wheel itself is one. Of what it depends on an application may have other versions than those that
    it was tested with, unless it says `exact`: they are reported, and their files are not the record's.
    """
    wheel, held = record["wheel"], []
    for tested in record["requirements"]:
        version = _version(tested["name"])
        if version == tested["version"] or wheel["requires"] == "exact":
            held.append(tested)
        else:
            found = f"{version} is installed" if version else "is not installed"
            sys.stderr.write(f"verify: {tested['name']} {found}, the model was tested with {tested['version']}.\n")
    own = {"name": wheel["distribution"], "version": wheel["version"]}
    return Package(package.root, {**package.record, "requirements": [own, *held]}, package.models)


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
