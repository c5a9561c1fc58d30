"""`modelkiln build fix-lint`: edits of the files of a batch, as `pants fix` describes them."""

import argparse
import os
from pathlib import Path

from modelkiln.cli.linting.findings import add_selection
from modelkiln.lint.fix import fixed
from modelkiln.lint.packages.listed import read_listed
from modelkiln.lint.selection import Selection
from modelkiln.wording import print_lines

HELP = "Apply the edits that rules suggest."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln build fix-lint`."""
    parser.add_argument("--subjects", type=Path, required=True, help="JSON, see modelkiln.lint.packages.listed")
    parser.add_argument("--folder", type=Path, required=True, help="files of the repository, which are edited")
    parser.add_argument("--build-file", action="append", default=[], help="which of them is a BUILD file; repeatable")
    add_selection(parser)


def run(args: argparse.Namespace) -> int:
    """Edit the files; prints which."""
    chosen = Selection(tuple(args.select), tuple(args.ignore))
    listed = [(one, chosen.without(ignored.ignore)) for one, ignored in read_listed(args.subjects, args.folder)]
    paths = [path for path in sorted(args.folder.rglob("*")) if path.is_file()]
    contents = {path.relative_to(args.folder).as_posix(): path.read_bytes() for path in paths}
    changed = fixed(listed, contents, args.build_file)
    for name, content in sorted(changed.items()):
        path = args.folder / name
        mode = path.stat().st_mode
        # What lies in a sandbox may be a link to a file that others have.
        path.unlink()
        path.write_bytes(content)
        os.chmod(path, mode)
    print_lines(sorted(changed))
    return 0
