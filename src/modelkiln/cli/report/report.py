"""`modelkiln report`: a page about packages."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from modelkiln.cli.options import add_insecure, add_store, add_vulnerabilities, machine_env, store_of
from modelkiln.errors import ModelkilnError
from modelkiln.formats.pex_contents import is_packed
from modelkiln.machine.outputs import write_file
from modelkiln.progress import Progress
from modelkiln.report.package import open_package
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.wording import print_lines, report_line

if TYPE_CHECKING:
    from modelkiln.report.evidence.evidence import Evidence

HELP = "Write a page about packages: what they are, what is in them, how they run, what two of them differ in."
EXAMPLES = (
    "report dist/models.digits/digits.oci -o report.html",
    "report old.oci new.oci -o changes.html",
    "report dist -o index.html",
    "report registry.example.com/models/digits:1.2.0 --policy policy.toml --vulnerabilities scan.json -o report.html",
    "report dist/models.digits/digits.oci --test-results dist/test/reports -o report.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln report`."""
    what = (
        "a layout, a PEX, a wheel, a record, or registry.example.com/name:tag; of two, the page says what changed; "
        "or a folder such as dist/"
    )
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help=what)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the page, such as report.html"
    )
    parser.add_argument(
        "--test-results",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="how smoke tests ended: JUnit XML, or the folder where `pants test --test-report` leaves it; repeatable",
    )
    add_vulnerabilities(parser)
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="who may sign what (TOML), by which signatures are verified"
    )
    parser.add_argument(
        "--repository",
        default="",
        metavar="REGISTRY/NAME",
        help="of a layout: the repository by whose rule the policy judges it",
    )
    add_insecure(parser)
    add_store(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page, whole or not at all."""
    with Progress("report", len(args.packages), unit="packages") as progress:
        data = (_index(args) or _packages(args, progress)).encode("utf-8", "replace")
    _replace(args.output, data)
    print_lines([f"{args.output}: {readable_size(len(data))}"])
    return 0


def _index(args: argparse.Namespace) -> str:
    """The page of all packages of a folder that is not a layout; "" where none is named."""
    from modelkiln.report.page.index import read_records, render_index

    folder = Path(args.packages[0])
    if len(args.packages) > 1 or not folder.is_dir() or (folder / "oci-layout").exists() or is_packed(folder):
        return ""
    return render_index(read_records(folder))


def _packages(args: argparse.Namespace, progress: Progress) -> str:
    from modelkiln.report.page.page import render  # The script and the style are read where they are wanted alone.

    evidence = _evidence(args)
    packages = [open_package(name, store_of(args), lambda: machine_env(args), report_line) for name in args.packages]
    return render(packages, evidence, progress.add)


def _evidence(args: argparse.Namespace) -> "Evidence":
    from modelkiln.report.evidence.evidence import Evidence, read_tests
    from modelkiln.report.evidence.vulnerabilities import read_scans

    policy = None
    if args.policy:
        from modelkiln.attestation.policy import Policy

        policy = Policy.load(args.policy)
    scans = None if args.vulnerabilities is None else read_scans(args.vulnerabilities)
    return Evidence(scans, read_tests(args.test_results), policy, args.repository)


def _replace(output: Path, data: bytes) -> None:
    if output.is_dir() or not output.parent.is_dir():
        raise ModelkilnError(f"{output}: want the path of a file in a folder that is there. Name one with -o.")
    write_file(output, data)
