"""`modelkiln init`: the first files of a package."""

import argparse
import re
from pathlib import Path

from modelkiln.errors import ModelkilnError
from modelkiln.starter.artifact import read_artifact
from modelkiln.starter.files import starter_files
from modelkiln.starter.repository import Repository, find_root

HELP = "Write BUILD, inference script, signature and request for a model artifact, from what its file says."
EXAMPLES = (
    "init models/digits/digits.onnx",
    "init models/digits --name digits",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln init`."""
    what = "an ONNX model or a safetensors file in its place in the repository, or the folder of one, as MLflow's are"
    parser.add_argument("artifact", type=Path, metavar="PATH", help=what)
    parser.add_argument("--name", metavar="NAME", help="of the package (default: the name of the file's folder)")


def run(args: argparse.Namespace) -> int:
    """Write the files, all or none, and say which commands come next."""
    artifact = read_artifact(args.artifact.absolute())
    folder = artifact.folder
    root = find_root(folder)
    top = root or (Path.cwd() if Path.cwd() in (folder, *folder.parents) else folder)
    name = args.name or re.sub(r"[^a-z0-9_.-]+", "-", folder.name.lower()).strip("-.") or "model"
    files = starter_files(artifact, name, Repository.read(root) if root else None)
    paths = {(top if file == "pants.toml" else folder) / file: text for file, text in files.items()}
    there = [str(path) for path in paths if path.exists()]
    if there:
        raise ModelkilnError(f"{', '.join(there)}: exists, and nothing was written. Move it away, or begin elsewhere.")
    for path, text in paths.items():
        path.write_text(text, "utf-8")
        print(f"{_shown(path)}: written")
    address = "" if folder == top else folder.relative_to(top).as_posix()
    print(f"\nNext, in {_shown(top)}:\n  pants lock ::\n  pants test --smoke-test-record {address or '//'}:smoke")
    if artifact.kind == "safetensors":
        print("predict.py answers with what it gets: write the model into it.")
    return 0


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
