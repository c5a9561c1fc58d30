"""Unpack the wheels of uv and Pex, which the given folder has in `wheels`: the program `uv`, and Pex' code in `pex`."""

import glob
import os
import shutil
import sys
import zipfile

os.chdir(sys.argv[1])
with zipfile.ZipFile(glob.glob("wheels/uv-*.whl")[0]) as wheel:
    (name,) = (name for name in wheel.namelist() if name.endswith("/scripts/uv"))
    with wheel.open(name) as source, open("uv.part", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
os.chmod("uv.part", 0o755)
with zipfile.ZipFile(glob.glob("wheels/pex-*.whl")[0]) as wheel:
    wheel.extractall("pex")
os.rename("uv.part", "uv")
