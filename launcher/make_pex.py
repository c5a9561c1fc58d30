"""Build the Pex tool from the wheel in a folder: python -I make_pex.py FOLDER TOOL

It is what `pex pex==<version> -c pex --no-compress --python-shebang "/usr/bin/env python3"` does once it has resolved
what to pack, which takes it three times as long, with the defaults of its options. This is Pex' inside: another
release may want another program here, and the digest shows it.
"""

import glob
import os
import sys

scratch, tool = sys.argv[1:]
sys.path.insert(0, scratch + "/pex")

from pex.dist_metadata import Distribution  # noqa: E402
from pex.pep_427 import install_wheel_chroot  # noqa: E402
from pex.pex_builder import CopyMode, PEXBuilder  # noqa: E402
from pex.pex_info import PexInfo  # noqa: E402

(wheel,) = glob.glob(scratch + "/wheels/pex-*.whl")
packed = os.path.join(scratch, "packed", os.path.basename(wheel))
install_wheel_chroot(wheel, packed)
info = PexInfo.default()
info._pex_info.update(
    bind_resource_paths={},
    deps_are_wheel_files=False,
    emit_warnings=True,
    ignore_errors=False,
    includes_tools=False,
    inject_args=[],
    inject_env={},
    inject_python_args=[],
    max_install_jobs=1,
    pex_path="",
    pex_paths=[],
    strip_pex_env=True,
    venv=False,
    venv_bin_path="false",
    venv_copies=False,
    venv_hermetic_scripts=True,
    venv_site_packages_copies=False,
    venv_system_site_packages=False,
)
builder = PEXBuilder(pex_info=info, copy_mode=CopyMode.SYMLINK)
distribution = Distribution.load(packed)
builder.add_distribution(distribution)
builder.add_requirement(distribution.as_requirement())
builder.set_script("pex")
builder.set_shebang("/usr/bin/env python3")
builder.build(tool, bytecode_compile=False, deterministic=True, compress=False)
