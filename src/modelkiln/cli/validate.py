"""`modelkiln validate`: whether a layout is what it says."""

import argparse
from pathlib import Path

from modelkiln.cli.options import add_store, store_of
from modelkiln.errors import ModelkilnError
from modelkiln.image.blobs import recorded_layers
from modelkiln.image.contents import layout_size
from modelkiln.package.outside import load_record
from modelkiln.progress import Progress
from modelkiln.validation.layout import validate_layout
from modelkiln.wording import counted, print_json, print_lines

HELP = "Recompute every digest, size, diff ID and reference of a layout; exit code 1 when one is wrong."
EXAMPLES = ("validate dist/models.digits/digits.oci",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln validate`."""
    parser.add_argument("layout", type=Path, metavar="LAYOUT", help="folder of an OCI image layout")
    parser.add_argument("--complete", action="store_true", help="the layout must hold every blob itself")
    parser.add_argument("--record", type=Path, metavar="FILE", help="a record that the image's own must equal")
    parser.add_argument("--json", action="store_true", help="print a JSON object (docs/schemas/validate.json)")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print every issue, and what was checked."""
    if not args.layout.is_dir():
        raise ModelkilnError(f"{args.layout}: is not a folder. Give a layout that `pants package` wrote.")
    layers = recorded_layers(args.layout, args.record)
    with Progress(f"validate {args.layout}", layout_size(args.layout)) as progress:
        record = _record(args.record)
        issues = validate_layout(args.layout, store_of(args), record, args.complete, layers, progress.add)
    wrong = [issue for issue in issues if not issue.is_note]
    notes = [issue for issue in issues if issue.is_note]
    if args.json:
        found = [{"where": one.where, "text": one.text, "note": one.is_note} for one in (*wrong, *notes)]
        print_json({"layout": str(args.layout), "issues": found})
        return 1 if wrong else 0
    print_lines(f"{'note: ' if issue.is_note else ''}{issue}" for issue in (*wrong, *notes))
    what = "structure, digests, sizes, diff IDs, layer contents, machine code, entrypoint and record"
    print_lines([f"{args.layout}: {counted(len(wrong), 'issue')}, {counted(len(notes), 'note')}. Checked: {what}."])
    return 1 if wrong else 0


def _record(path):
    if path is None:
        return None
    return load_record(path, "Give one with --record.", ())
