"""`python -m modelkiln`."""

import sys

from modelkiln.cli.main import main

sys.exit(main())
