"""`python __main__.py LIBRARY write|write_for_all|read FOLDER`: prints a JSON object of answers by file."""

import importlib.util
import json
import sys
from pathlib import Path


def _main(library, command, folder):
    path = Path(__file__).with_name(f"{library.replace('-', '_')}.py")
    spec = importlib.util.spec_from_file_location(f"probe_{path.stem}", path)
    probe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probe)
    if command != "read":
        return getattr(probe, command)(folder) or {}
    answers = {}
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            answers[file.relative_to(folder).as_posix()] = probe.read(file)
        # Panics of Rust are no Exceptions.
        except BaseException as error:
            answers[file.relative_to(folder).as_posix()] = {"refused": f"{type(error).__name__}: {error}"[:200]}
    return answers


if __name__ == "__main__":
    # Not this folder: its modules are called as the libraries are.
    sys.path.pop(0)
    print(json.dumps(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
