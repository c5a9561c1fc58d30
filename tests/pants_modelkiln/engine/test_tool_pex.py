"""The interpreter that the engine's own PEX is made for."""

import os
import subprocess
import sys

from pants_modelkiln.engine.tool_pex import own_python

RELEASE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_pants_own_interpreter_serves_where_it_fits():
    """It is the one outside of the virtual environment that Pants runs in, and runs by itself."""
    found = own_python((f"CPython=={RELEASE}.*",))
    assert found == own_python(("PyPy", "CPython>=3.9,<3.15")) == os.path.realpath(found)
    script = "import sys; print(sys.prefix == sys.base_prefix, '%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([found, "-I", "-c", script], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert ["True", RELEASE] == answer.split()


def test_it_does_not_serve_where_another_is_wanted():
    """Another release, another implementation: Pants searches then."""
    assert own_python(("CPython>=3.15",)) is None
    assert own_python((f"PyPy=={RELEASE}.*",)) is None
