"""`modelkiln why`: why a wheel, a Debian package or a file is in a package."""

import argparse
from typing import Any, Iterator, Mapping

from modelkiln.cli.options import add_store, store_of
from modelkiln.progress import Progress
from modelkiln.report.package import open_package
from modelkiln.report.why import explain
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import counted, print_json, print_lines

HELP = "Show why a wheel, a Debian package or a file is in a package, and what leaving it out would save."
EXAMPLES = (
    "why dist/models.digits/digits.oci protobuf",
    "why digits.pex models/digits/predict.py --json",
)

_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln why`."""
    parser.add_argument("package", metavar="PACKAGE", help="a layout, a PEX or a record of dist/")
    parser.add_argument("name", metavar="NAME", help="a wheel, a Debian package, or a file by its path in the package")
    parser.add_argument("--json", action="store_true", help="print a JSON object (docs/schemas/why.json)")
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Print the chain of reasons."""
    with Progress(f"why {args.package}"):
        package = open_package(args.package, store_of(args), dict, lambda line: None)
        found = explain(package, args.name)
    if args.json:
        print_json(found)
    else:
        print_lines(_text(found, "elsewhere" in found))
        for one in found.get("elsewhere", ()):
            print_lines(["", *_text(one, True)])
    return 0


def _text(found: Mapping[str, Any], has_several: bool) -> Iterator[str]:
    place = f", in /{found['environment']} of {', '.join(found['members'])}" if has_several else ""
    yield " ".join(filter(None, (found["name"], found["version"]))) + place
    for depth, reason in enumerate(found["chain"]):
        yield f"{'  ' * (depth + 1)}{reason}"
    others = [one for one in found["needed_by"] if one["reason"] not in found["chain"]]
    if others:
        yield ""
        yield f"{'also needed' if found['chain'][1:] else 'needed'}:"
        yield from (f"  {one['reason']}{' (optional)' if one['optional'] else ''}" for one in others[:_SHOWN])
        if len(others) > _SHOWN:
            yield f"  and {len(others) - _SHOWN} more"
    yield ""
    without = found["without"]
    yield (
        f"Without it the package would lack {counted(len(without['items']), _WORDS[found['kind']])}: "
        f"{', '.join(without['items'][:_SHOWN])}{' ...' if len(without['items']) > _SHOWN else ''}. "
        f"That is about {readable_size(without['size'])} packed, {readable_size(without['unpacked_size'])} unpacked."
    )


_WORDS = {"wheel": "wheel", "debian": "Debian package", "code": "file", "artifact": "file", "file": "file"}
