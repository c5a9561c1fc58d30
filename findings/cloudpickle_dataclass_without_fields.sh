#!/usr/bin/env bash
# cloudpickle 2.2.1 and a dataclass of the script that runs, as of a notebook, so that the pickle holds the class itself:
# in another process its instance has its values and prints them, but `dataclasses.fields` finds none and `asdict`
# returns {}, without an error or a warning. Fields are known from other members by the identity of a private object,
# `dataclasses._FIELD`, of which the pickle makes a copy. 3.0.0 writes such a class well, and reads one that 2.2.1 wrote
# no better: the file is what is wrong, whatever reads it.
#
# Expected: the fields of the class, or an error.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for release in 2.2.1 3.0.0; do
  python3 -m venv "$work/$release"
  "$work/$release/bin/python" -m pip install -q --disable-pip-version-check "cloudpickle==$release"
done

cat >"$work/write.py" <<'PYTHON'
import dataclasses
import sys

import cloudpickle


@dataclasses.dataclass
class Settings:
    threshold: float = 0.5


with open(sys.argv[1], "wb") as file:
    cloudpickle.dump(Settings(0.9), file)
PYTHON
cat >"$work/read.py" <<'PYTHON'
import dataclasses
import pickle
import sys
import warnings

warnings.simplefilter("error")
with open(sys.argv[1], "rb") as file:
    settings = pickle.load(file)
print(settings, dataclasses.asdict(settings))
PYTHON
for writer in 2.2.1 3.0.0; do
  "$work/$writer/bin/python" "$work/write.py" "$work/$writer.pkl"
  for reader in 2.2.1 3.0.0; do
    # 2.2.1 lacks names that 3.0.0 writes, and says so.
    [ "$writer $reader" = "3.0.0 2.2.1" ] && continue
    echo "$writer in $reader: $("$work/$reader/bin/python" "$work/read.py" "$work/$writer.pkl" 2>&1)"
  done
done | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
2.2.1 in 2.2.1: Settings(threshold=0.9) {}
2.2.1 in 3.0.0: Settings(threshold=0.9) {}
3.0.0 in 3.0.0: Settings(threshold=0.9) {'threshold': 0.9}
SEEN
echo "as described"
