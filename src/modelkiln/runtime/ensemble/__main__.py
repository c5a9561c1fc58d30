"""`python -m modelkiln.runtime.ensemble`: the entry point of ensembles with several environments, as that of all
packages, but that `verify` reads all of these."""

import sys

from modelkiln.runtime.cli import main
from modelkiln.runtime.ensemble.environment import verify_environments
from modelkiln.runtime.record import find_package

code = main()
if sys.argv[1:] == ["verify"]:
    code = max(code, verify_environments(find_package().record))
sys.exit(code)
