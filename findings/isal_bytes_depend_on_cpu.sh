#!/usr/bin/env bash
# isal 1.9.1 (ISA-L 2.32.1): what it compresses to depends on the CPU. One wheel, one input, one level give other gzip bytes
# with the instructions of qemu64 (SSE3) than with those of Haswell (AVX2), at each of its four levels; both inflate to the
# input. Two machines of a team, or the runners of one CI, thus make archives with different digests, and nothing in the
# versions says why. zstandard 0.25.0 and zlib-ng 1.1.0, which choose among instructions at run time as well, write the
# same bytes on both.
#
# Expected of a drop-in for zlib: the bytes are a function of the input, the level and the release.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! qemu=$(type -P qemu-x86_64-static); then # Debian's qemu-user-static, 7.2 in Debian 12.
  (cd "$work" && apt-get download -q qemu-user-static && dpkg -x qemu-user-static_*.deb qemu)
  qemu=$work/qemu/usr/bin/qemu-x86_64-static
fi
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check isal==1.9.1 zstandard==0.25.0 zlib-ng==1.1.0

cat >"$work/compress.py" <<'PYTHON'
import hashlib
import random
import zlib

import zstandard
from isal import isal_zlib
from zlib_ng import zlib_ng

words = [word.to_bytes(4, "little") for word in random.Random(5).sample(range(1 << 32), 4096)]
data = b"".join(word * (word[0] % 61) for word in words) + b"".join(reversed(words))


def isal(level):
    compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, 31)
    packed = compressor.compress(data) + compressor.flush()
    assert data == zlib.decompress(packed, 31)
    return packed


for level in range(4):
    print("isal", level, hashlib.sha256(isal(level)).hexdigest()[:12])
for level in (3, 9):
    print("zstandard", level, hashlib.sha256(zstandard.ZstdCompressor(level=level).compress(data)).hexdigest()[:12])
    print("zlib-ng", level, hashlib.sha256(zlib_ng.compress(data, level)).hexdigest()[:12])
PYTHON
for cpu in qemu64 Haswell; do
  "$qemu" -cpu "$cpu" "$work/venv/bin/python" "$work/compress.py" >"$work/$cpu" 2>/dev/null
done
paste "$work/qemu64" "$work/Haswell"
[[ $(diff "$work/qemu64" "$work/Haswell" | grep -c '^> isal') == 4 ]]
[[ $(diff "$work/qemu64" "$work/Haswell" | grep -c '^>') == 4 ]]
echo "as described"
