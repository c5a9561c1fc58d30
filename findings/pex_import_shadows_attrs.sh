#!/usr/bin/env bash
# Pex 2.105.2 with jsonschema 4.26.0: whether jsonschema can be imported depends on what was imported before it.
# `import pex.pex_builder` leaves the folder of attrs 21.5.0.dev0, which Pex vendors, at the front of sys.path, for the
# whole process. `import attr` then finds that one and not the installed attrs 26.1.0, and referencing 0.37.0, which
# jsonschema imports, fails: "field() got an unexpected keyword argument 'alias'". The other order works. A process that
# is started with sys.path as its PYTHONPATH inherits the fault without importing Pex itself.
#
# Expected of a library that vendors its dependencies: they are importable below its own name alone.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check \
  pex==2.105.2 jsonschema==4.26.0 referencing==0.37.0 attrs==26.1.0

# Prints the last line of what Python says of a program.
say() {
  env -i PATH="$PATH" "$work/venv/bin/python" -I -c "$1" 2>&1 | tail -n 1 || true
}

after=$(say 'import pex.pex_builder, jsonschema; print("works")')
before=$(say 'import jsonschema, pex.pex_builder; print("works")')
found=$(say 'import pex.pex_builder, attr; print(attr.__version__)')
inherited=$(say 'import os, subprocess, sys, pex.pex_builder
path = os.pathsep.join(sys.path)
argv = [sys.executable, "-c", "import attr; print(attr.__version__)"]
print(subprocess.run(argv, env={"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True).stdout.strip())')
printf 'pex, then jsonschema: %s\njsonschema, then pex: %s\nattrs after pex: %s; of a child: %s\n' \
  "$after" "$before" "$found" "$inherited"
[[ $after == "TypeError: field() got an unexpected keyword argument 'alias'" ]]
[[ $before == works ]]
[[ $found == 21.5.0.dev0 && $inherited == 21.5.0.dev0 ]]
echo "as described"
