"""The process of a member whose code must not meet that of the others: a program that gets three file descriptors."""

import contextlib
import json
import os
import socket
import sys
import traceback
from importlib.machinery import ModuleSpec, PathFinder

from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.ensemble.member import start_here
from modelkiln.runtime.ensemble.shared_arrays import SharedArrays

__all__ = ["OwnCode", "main"]


class OwnCode:
    """Finds the modules at the top of `folder` there and nowhere else, whatever others have of the same name.

    A folder without `__init__.py` would otherwise be one package with folders of its name elsewhere on `sys.path`.
    """

    def __init__(self, folder):
        self._folder = folder

    def find_spec(self, fullname, path=None, target=None):
        """See `importlib.abc.MetaPathFinder`."""
        if path is not None or fullname == "modelkiln":
            return None
        spec = PathFinder.find_spec(fullname, [self._folder])
        if spec is not None and spec.loader is None:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = _NamespacePath([os.path.join(self._folder, fullname)])
        return spec


class _NamespacePath(list):
    """Where a package without `__init__.py` lies. `importlib.resources` knows such a path by the name of its type."""

    def __repr__(self):
        return f"_NamespacePath({super().__repr__()})"


def main(socket_fd, inputs_fd, outputs_fd):
    """Start the member that the first line describes, and answer each further one."""
    stream = socket.socket(fileno=socket_fd).makefile("rwb")
    inputs, outputs = SharedArrays(inputs_fd), SharedArrays(outputs_fd)

    def send(document):
        stream.write(json.dumps(document).encode() + b"\n")
        stream.flush()

    described = json.loads(stream.readline())
    sys.meta_path.insert(0, OwnCode(described["root"]))
    try:
        member = _start(described)
    except StepError as error:
        traceback.print_exc()
        send({"error": str(error)})
        return
    send({})
    for line in stream:
        try:
            answer = outputs.write(member.call(inputs.read(json.loads(line))))
        except StepError as error:
            answer = {"error": str(error)}
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            answer = {"error": f"raised {type(error).__name__}: {error}"}
        send(answer)


def _start(described):
    from pathlib import Path

    if described["member"].get("provided"):
        from modelkiln.runtime.start.provided import provide

        problems = provide(described["member"]["provided"])
        if problems:
            raise StepError(f'member "{described["name"]}": {" ".join(problems)}')
    return start_here(described["name"], described["member"], described["root"], Path(described["model"]))


if __name__ == "__main__":
    # Python looks for modules beside a program, whose links it follows; those here are not to be found by their last
    # names alone.
    beside = {os.path.dirname(find(__file__)) for find in (os.path.abspath, os.path.realpath)}
    sys.path[:] = [path for path in sys.path if path not in beside]
    # What is suppressed says that the ensemble has ended.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        main(*map(int, sys.argv[1:]))
