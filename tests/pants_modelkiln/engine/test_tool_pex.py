"""The interpreter that the engine's own PEX is made for."""

import os
import subprocess
import sys

from pants_modelkiln.engine.tool_pex import WITHOUT_PATHS, failure, own_python

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


RETRYING = (
    "pid 7 -> python pip download exited with 1 and STDERR:\n"
    "pip: WARNING: Retrying (Retry(total=1)) after connection broken by 'name resolution': /simple/onnx/\n"
    "pip: WARNING: Retrying (Retry(total=0)) after connection broken by 'name resolution': /simple/onnx/\n"
    "pip: ERROR: Could not find a version that satisfies the requirement onnx==1.19.1\n"
)


def test_a_missing_network_is_named_once():
    """It is the cause of what pip says at the end, that there is no such version."""
    message = failure("checks.txt", RETRYING)
    assert "(checks.txt) cannot be fetched. A package index cannot be reached" in message
    assert 1 == message.count("name resolution")
    assert "Could not find" not in message


def test_another_failure_keeps_the_words_of_pip():
    """Errors without their prefix, or else the last of what was said."""
    message = failure("tool.txt", "noise\npip: ERROR: No matching distribution found for isal==1.8.0\n")
    assert message.endswith("Pex says: No matching distribution found for isal==1.8.0")
    assert failure("tool.txt", "disk full\n").endswith("Pex says: disk full")
    message = failure("tool.txt", "  raise\nOSError: AF_UNIX path too long\n")
    assert message.endswith("too long for a socket. Set [GLOBAL].local_execution_root_dir in pants.toml to a shorter one.")


def test_no_path_of_the_machine_is_in_what_a_remote_cache_keeps():
    """Of Pex' answer only the place below its root is left, wherever the root is; its failure stays one."""
    answer = '{"pex_root": "/h/venvs/a/root", "python": "/p", "pex": "/h/venvs/a/root/venvs/4/b/c/pex"}'
    command = ["/bin/sh", "-c", WITHOUT_PATHS]
    assert b"venvs/4/b/c" == subprocess.run([*command, "echo", answer], stdout=subprocess.PIPE, check=True).stdout
    failed = subprocess.run([*command, "sh", "-c", "echo x; exit 3"], stdout=subprocess.PIPE, check=False)
    assert (3, b"") == (failed.returncode, failed.stdout)
