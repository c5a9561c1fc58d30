"""`python -m modelkiln.runtime`: the entry point of every package."""

import sys

from modelkiln.runtime.cli import main

sys.exit(main())
