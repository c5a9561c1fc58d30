"""The interpreter that the engine's tool is made for, and what is said where pip does not install it."""

import os
import subprocess
import sys

from pants_modelkiln.engine.programs.tool_environment import _about_indexes
from pants_modelkiln.engine.tool_install import failure, own_python

RELEASE = f"{sys.version_info[0]}.{sys.version_info[1]}"
FULL = "No space left on device"


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


RETRYING = (
    "WARNING: Retrying (Retry(total=1)) after connection broken by 'name resolution': /simple/onnx/\n"
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'name resolution': /simple/onnx/\n"
    "ERROR: Could not find a version that satisfies the requirement onnx==1.19.1\n"
)


def test_a_missing_network_is_named_once():
    """It is the cause of what pip says at the end, that there is no such version."""
    message = failure("checks.txt", "/p", 1, RETRYING)
    assert "(checks.txt) cannot be installed. A package index cannot be reached" in message
    assert 1 == message.count("name resolution")
    assert "Could not find" not in message


def test_another_failure_keeps_the_words_of_pip():
    """Errors without their prefix, or else the last of what was said."""
    message = failure("tool.txt", "/p", 1, "noise\nERROR: No matching distribution found for isal==1.8.0\n")
    assert message.endswith("pip says: No matching distribution found for isal==1.8.0")
    assert failure("tool.txt", "/p", 1, "disk full\n").endswith("pip says: disk full")
    raised = f"ERROR: Exception:\nTraceback (most recent call last):\n  File 'a'\nOSError: [Errno 28] {FULL}\n"
    assert failure("tool.txt", "/p", 1, raised).endswith(f"pip says: OSError: [Errno 28] {FULL}")


def test_a_disk_that_is_full_before_or_after_pip_is_no_traceback():
    """The program that runs pip writes, too: its error is the last line that it wrote, and not pip's."""
    raised = f"Traceback (most recent call last):\n  File 'a', line 1, in b\n    c()\nOSError: [Errno 28] {FULL}\n"
    assert failure("tool.txt", "/p", 1, raised).endswith(f"Installing them ended with: OSError: [Errno 28] {FULL}")


def test_what_the_log_of_pip_alone_says_of_indexes_is_the_reason(tmp_path):
    """An index that wants a login is named, and so is where pip looked in vain."""
    log = tmp_path / "log"
    refused = "Could not fetch URL http://127.0.0.1:9/simple/build/: 401 Client Error: Unauthorized - skipping"
    log.write_text(
        f"2026-01-01T00:00:00,1 Looking in indexes: http://127.0.0.1:9/simple\n2026-01-01T00:00:00,1 {refused}\n"
    )
    absent = "ERROR: No matching distribution found for build==1.4.4\n"
    message = failure("pip_tools.txt", "/p", 1, absent + _about_indexes(log))
    assert "refuses this machine" in message and refused in message
    log.write_text("2026-01-01T00:00:00,1 Looking in indexes: http://127.0.0.1:9/simple\n" * 2)
    message = failure("pip_tools.txt", "/p", 1, absent + _about_indexes(log))
    assert message.endswith("found for build==1.4.4 Looking in indexes: http://127.0.0.1:9/simple")
    assert "" == _about_indexes(tmp_path / "none")


def test_a_python_without_pip_is_named_with_the_remedy():
    """Neither its own pip nor the one of Pex serves."""
    message = failure("tool.txt", "/usr/bin/python3.13", 3, "No module named 'ensurepip'\n")
    assert "/usr/bin/python3.13 has no pip" in message and "python3-venv" in message
