#!/usr/bin/env bash
# XGBoost 3.0.5 and a model that 3.1.3 saved, as JSON or UBJSON: it loads without an error or a warning, and predicts
# other values. Since 3.1 `base_score` is a list ("[1.57E2]"); 3.0 takes it for 0.5, whatever it says, so that a
# regression is off by the mean of its training labels (here 156.5) and a classifier by its prior. The file names the
# release that wrote it ("version": [3, 1, 3]). Models whose score is 0.5 are the same, which hides it in small tests.
#
# Expected: an error for a value of another type, or the number in the list.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for release in 3.0.5 3.1.3; do
  python3 -m venv "$work/$release"
  "$work/$release/bin/python" -m pip install -q --disable-pip-version-check numpy==2.2.6 scipy==1.15.3 xgboost-cpu=="$release"
done

cat >"$work/train.py" <<'PYTHON'
import sys

import numpy
import xgboost

rows = numpy.arange(40, dtype=numpy.float32).reshape(20, 2)
labels = 100 + 3 * rows[:, 0]
xgboost.train({"max_depth": 2}, xgboost.DMatrix(rows, label=labels), 5).save_model(sys.argv[1])
PYTHON
cat >"$work/ask.py" <<'PYTHON'
import json
import sys

import numpy
import xgboost

booster = xgboost.Booster()
booster.load_model(sys.argv[1])
score = json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
rows = numpy.arange(2, dtype=numpy.float32).reshape(1, 2)
print(score, *(f"{value:.2f}" for value in booster.predict(xgboost.DMatrix(rows))))
PYTHON
for ending in json ubj; do
  "$work/3.1.3/bin/python" "$work/train.py" "$work/model.$ending"
  for release in 3.1.3 3.0.5; do
    echo "$ending in $release: $("$work/$release/bin/python" "$work/ask.py" "$work/model.$ending" 2>&1)"
  done
done | tee "$work/seen"
diff "$work/seen" - <<'EOF'
json in 3.1.3: [1.57E2] 121.75
json in 3.0.5: 5E-1 -34.75
ubj in 3.1.3: [1.57E2] 121.75
ubj in 3.0.5: 5E-1 -34.75
EOF
echo "as described"
