"""`python -m modelkiln`, and the program of that name."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run one command (`cli.main`); returns its exit code. Interrupts are met while modules load, too."""
    try:
        from modelkiln.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        print("modelkiln: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
