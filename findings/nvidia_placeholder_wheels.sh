#!/usr/bin/env bash
# pip 26.0.1 and NVIDIA's packages for CUDA 13 (nvidia-cublas, nvidia-cudnn-cu13, nvidia-nccl-cu13): for a platform for
# which there is no wheel, here macOS, pip does not fail. Each package has a pure-Python wheel 0.0.0a0 of 1 kB that
# contains metadata and an empty __init__.py. It is a pre-release, and pip takes pre-releases where nothing else fits (PEP 440,
# "Handling of pre-releases"), so that installing succeeds without CUDA libraries, and without `--pre`.
#
# Expected: an error, no matching distribution, as for any package without a wheel for the platform.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pip==26.0.1

for package in nvidia-cublas nvidia-cudnn-cu13 nvidia-nccl-cu13; do
  "$work/venv/bin/python" -m pip download -q --no-deps --only-binary :all: --platform macosx_11_0_arm64 \
    --python-version 3.11 --implementation cp -d "$work/wheels" "$package"
done
for wheel in "$work"/wheels/*.whl; do
  code=$("$work/venv/bin/python" -m zipfile -l "$wheel" | awk 'NR > 1 && $1 !~ /\.dist-info\// { n += $NF } END { print n + 0 }')
  printf '%s: %s bytes besides its metadata\n' "${wheel##*/}" "$code"
  [[ $wheel == *-0.0.0a0-py2.py3-none-any.whl && $code == 0 ]]
done
[[ $(find "$work/wheels" -name '*.whl' | wc -l) == 3 ]]
echo "as described"
