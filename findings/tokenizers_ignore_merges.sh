#!/usr/bin/env bash
# tokenizers 0.15.2 and a tokenizer.json that 0.19.1 wrote with `ignore_merges` (as files of Llama 3 have it): the older
# release passes over the key, which it does not know, without an error or a warning, and splits a word that is a token
# into its parts. The IDs that a model then gets are valid and wrong. The file's own field "version" is "1.0" for both.
#
# Expected: an error for an unknown key of the model, as there is for an unknown `type`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for release in 0.19.1 0.15.2; do
  python3 -m venv "$work/$release"
  "$work/$release/bin/python" -m pip install -q --disable-pip-version-check --no-deps "tokenizers==$release"
done

cat >"$work/write.py" <<'PYTHON'
import sys
from tokenizers import Tokenizer, models
vocabulary = {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4}
Tokenizer(models.BPE(vocabulary, [("a", "b")], ignore_merges=True)).save(sys.argv[1])
PYTHON
cat >"$work/read.py" <<'PYTHON'
import sys, warnings
warnings.simplefilter("error")
import tokenizers
print(tokenizers.__version__, tokenizers.Tokenizer.from_file(sys.argv[1]).encode("abc").tokens)
PYTHON

# Without its dependency, which fetches models and is not needed here.
mkdir "$work/stub"
touch "$work/stub/huggingface_hub.py"
export PYTHONPATH="$work/stub"
"$work/0.19.1/bin/python" "$work/write.py" "$work/tokenizer.json"
for release in 0.19.1 0.15.2; do
  "$work/$release/bin/python" "$work/read.py" "$work/tokenizer.json"
done | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
0.19.1 ['abc']
0.15.2 ['ab', 'c']
SEEN
echo "as described"
