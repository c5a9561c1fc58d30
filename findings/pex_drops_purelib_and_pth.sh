#!/usr/bin/env bash
# pex 2.105.2: a wheel whose root is pure may put modules into `.data/purelib`, too, as into `.data/platlib` ("Binary distribution
# format"). pip puts both into site-packages. A PEX has the modules of `.data/platlib` and lacks those of `.data/purelib`, with and
# without `--venv`; the wheel is called one with "a bad RECORD", which it has not, and the exit code is 0. And where two wheels
# have files in one namespace package, `--venv` puts the second one's `.pth` file where Python's `site` does not look.
#
# Expected of an installer: all files of a wheel that RECORD lists are installed, or the wheel is refused.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PEX_ROOT=$work/pex-root
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pex==2.105.2

python3 - "$work" <<'PYTHON'
import base64
import hashlib
import sys
import zipfile


def write(name, files):
    info = f"{name}-1.0.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    rows = ""
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/WHEEL": wheel}.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            rows += f"{path},sha256={digest},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", f"{rows}{info}/RECORD,,\n")


schemes = {f"one-1.0.data/{scheme}/in_{scheme}.py": "" for scheme in ("platlib", "purelib")}
write("one", {"shared/one.py": "", **schemes})
write("two", {"shared/two.py": "", "two.pth": "import os; os.environ['TWO_PTH'] = 'read'\n"})
PYTHON
cat >"$work/show.py" <<'PYTHON'
import importlib.util
import os

found = [name for name in ("in_platlib", "in_purelib") if importlib.util.find_spec(name)]
print(*found, os.environ.get("TWO_PTH", "unread"))
PYTHON
wheels=("$work/one-1.0-py3-none-any.whl" "$work/two-1.0-py3-none-any.whl")
python3 -m venv "$work/pip"
"$work/pip/bin/python" -m pip install -q --disable-pip-version-check --no-index "${wheels[@]}"
"$work/venv/bin/pex" --no-index "${wheels[@]}" --venv -o "$work/venv.pex" >"$work/log" 2>&1
"$work/venv/bin/pex" --no-index "${wheels[@]}" -o "$work/plain.pex" >>"$work/log" 2>&1
pip=$("$work/pip/bin/python" "$work/show.py")
plain=$(python3 "$work/plain.pex" "$work/show.py" 2>>"$work/log")
venv=$(python3 "$work/venv.pex" "$work/show.py" 2>>"$work/log")
printf '%s\n' "pip: $pip" "pex: $plain" "pex --venv: $venv"
grep -o "has a bad RECORD" "$work/log" | sort -u
[[ $pip == "in_platlib in_purelib read" && $plain == "in_platlib read" && $venv == "in_platlib unread" ]]
echo "as described"
