"""What the client of registries imports, and when."""

import os
import subprocess
import sys

_LATE = ("charset_normalizer", "idna", "jsonschema")


def _run(program: str) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True, encoding="utf-8")
    assert "Dependency" not in run.stderr
    return run.stdout.strip()


def test_libraries_that_are_not_used_are_not_imported():
    """Importing the client imports none of them, warns of none, and leaves nothing in their places."""
    found = f"import sys\nprint([name for name in {_LATE!r} if name in sys.modules])"
    assert "[]" == _run(f"import modelkiln.registry.client\n{found}")


def test_a_library_is_imported_when_it_is_used():
    """A text whose encoding nobody stated is still guessed by the library, and a name beyond ASCII is still encoded."""
    program = """
import sys
from modelkiln.registry.libraries import requests
answer = requests.Response()
answer._content = "grün und größer".encode()
print(answer.apparent_encoding, "charset_normalizer.api" in sys.modules)
print(requests.Request("GET", "http://b\u00fccher.example/").prepare().url)
import charset_normalizer, jsonschema
print(charset_normalizer.__version__ > "2", jsonschema.__version__ > "2")
"""
    assert ["utf-8 True", "http://xn--bcher-kva.example/", "True True"] == _run(program).splitlines()


def test_a_library_that_is_there_stays():
    """What imported one of them before keeps the one it has."""
    program = "import charset_normalizer\nfrom modelkiln.registry.libraries import requests\n"
    assert "True" == _run(f"{program}print(requests.compat.chardet is charset_normalizer)")
