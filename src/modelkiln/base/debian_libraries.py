"""Which Debian packages have the shared libraries that wheels leave to the system.

A wheel for manylinux brings its libraries along, all but those of the policy's list (auditwheel,
`manylinux-policy.json`: the C library, `libstdc++`, `libGL`, `libglib` and others), which Debian's packages
below have. Some wheels leave out more, such as LightGBM's `libgomp`. What the C library's own package has is
in every base.
"""

from typing import Any, Collection, Iterable, Mapping

from modelkiln.errors import ModelkilnError

__all__ = ["check_libraries"]

# File name of a library -> packages that have it, the older name first: trixie
# renamed those that were compiled anew for 64-bit times.
_PACKAGES = {
    "libEGL.so.1": ("libegl1",),
    "libGL.so.1": ("libgl1",),
    "libGLX.so.0": ("libglx0",),
    "libICE.so.6": ("libice6",),
    "libOpenCL.so.1": ("ocl-icd-libopencl1",),
    "libOpenGL.so.0": ("libopengl0",),
    "libSM.so.6": ("libsm6",),
    "libX11.so.6": ("libx11-6",),
    "libXext.so.6": ("libxext6",),
    "libXrender.so.1": ("libxrender1",),
    "libasound.so.2": ("libasound2", "libasound2t64"),
    "libatomic.so.1": ("libatomic1",),
    "libbz2.so.1.0": ("libbz2-1.0",),
    "libcrypt.so.1": ("libcrypt1",),
    "libcrypto.so.3": ("libssl3", "libssl3t64"),
    "libcurl.so.4": ("libcurl4", "libcurl4t64"),
    "libexpat.so.1": ("libexpat1",),
    "libffi.so.8": ("libffi8",),
    "libgcc_s.so.1": ("libgcc-s1",),
    "libgfortran.so.5": ("libgfortran5",),
    "libgio-2.0.so.0": ("libglib2.0-0", "libglib2.0-0t64"),
    "libglib-2.0.so.0": ("libglib2.0-0", "libglib2.0-0t64"),
    "libgobject-2.0.so.0": ("libglib2.0-0", "libglib2.0-0t64"),
    "libgomp.so.1": ("libgomp1",),
    "libgthread-2.0.so.0": ("libglib2.0-0", "libglib2.0-0t64"),
    "liblzma.so.5": ("liblzma5",),
    "libnuma.so.1": ("libnuma1",),
    "libopenblas.so.0": ("libopenblas0",),
    "libquadmath.so.0": ("libquadmath0",),
    "libsndfile.so.1": ("libsndfile1",),
    "libsqlite3.so.0": ("libsqlite3-0",),
    "libssl.so.3": ("libssl3", "libssl3t64"),
    "libstdc++.so.6": ("libstdc++6",),
    "libtbb.so.12": ("libtbb12",),
    "libuuid.so.1": ("libuuid1",),
    "libz.so.1": ("zlib1g",),
    "libzstd.so.1": ("libzstd1",),
}


def check_libraries(
    where: str, base: str, lock: Mapping[str, Any], wheels: Iterable[Mapping[str, Any]], allowed: Collection[str]
) -> None:
    """Refuse wheels whose shared libraries need some that neither wheels nor the base have.

    base: its address. lock: of its Debian packages. wheels: name and version of each, with what
    `wheels.contents` reports. allowed: names of libraries that may be missing. Raises ModelkilnError.
    """
    wheels = list(wheels)
    installed = {package["name"] for package in lock["packages"]}
    brought = {name for wheel in wheels for name in wheel["libraries"]}
    issues, wanted = [], set()
    for wheel in wheels:
        for library in wheel["needs"]:
            packages = _PACKAGES.get(library, ())
            if packages and library not in brought and library not in allowed and installed.isdisjoint(packages):
                issues.append(f"{wheel['name']} {wheel['version']} needs {library} ({' or '.join(packages)})")
                wanted.add(packages[-1] if lock["suite"] not in ("bookworm", "bullseye") else packages[0])
    if issues:
        raise ModelkilnError(
            f"{where}: the base {base} lacks shared libraries: {', '.join(issues)}. Add the Debian packages "
            f"{', '.join(sorted(wanted))} to its list and write its lock with `pants lock {base}`; a library that "
            "is not needed after all is named in `allow_missing`."
        )
