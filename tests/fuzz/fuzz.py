"""Feed a reader of what others wrote with input that a fuzzer makes up: see docs/contributing.md.

Run by a Python that has atheris (PyPI), the requirements of `engine` and the tests' samples.
"""

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["modelkiln"]):
    from fuzzed_readers import READERS


def main() -> None:
    """Run the fuzzer until its time is over or it has found something, which it writes beside the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("folder", type=Path, help="what the fuzzer found; it goes on from there")
    parser.add_argument("--seconds", type=int, default=3600, help="how long (default: %(default)s)")
    args = parser.parse_args()
    reader = READERS[args.reader]
    corpus = args.folder / args.reader
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    # An input may take 10 s and 2 GiB: more is a fault of its own.
    limits = [f"-max_total_time={args.seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={corpus}.found-", *limits], reader.accepts)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
