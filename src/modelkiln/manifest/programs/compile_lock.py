"""pip-tools' `compile`, for a platform, and for every patch release of the Python that it runs under.

What markers ask of the platform is what packages run on, and not what this machine is: a lock that a Mac made would
lack what is for Linux. The variable MODELKILN_TARGET is a JSON object: `markers`, values by name, and `platforms`, tags
of the wheels that run there, best first.

A marker on `python_full_version` is evaluated for the machine's own patch release, and what a package
needs under the base's would be missing from the lock. Here it holds where it holds for any patch
release: what a lock has beyond need does no harm, and equal requirements give equal locks on every
machine.

Metadata of sdists come from their backends, in an environment of what the sdist says that it is built with; the
variable MODELKILN_EXTRA_BUILD_REQUIREMENTS, a JSON object of lists by package, says what is in it besides. This is a
program of its own, run as `python -I compile_lock.py ARGUMENTS`.
"""

import json
import os
import shutil
import sys
import sysconfig

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sandboxed_hooks import NoSandbox, sandbox_pip, use_private_folder

# As `modelkiln.wheels.markers.PATCHES`, which a program that pip runs does not import.
_PATCHES = 64
_NAMES = ("python_full_version", "implementation_version")


def evaluate_for_any_release(marker_class):
    """Make markers of this class hold where they hold for one patch release at least."""
    evaluate = marker_class.evaluate
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"

    def evaluate_any(self, environment=None, *more, **named):
        text = str(self)
        if not any(name in text for name in _NAMES):
            return evaluate(self, environment, *more, **named)
        return any(
            evaluate(self, {**(environment or {}), **dict.fromkeys(_NAMES, f"{minor}.{patch}")}, *more, **named)
            for patch in range(_PATCHES)
        )

    marker_class.evaluate = evaluate_any


def compile_for(target, markers, tags):
    """Make pip see a target (of MODELKILN_TARGET) in the place of this machine. markers, tags: the modules of pip's
    packaging."""
    find = markers.default_environment
    markers.default_environment = lambda: {**find(), **target["markers"]}
    own = sysconfig.get_platform().replace("-", "_")
    if own not in target["platforms"]:  # Else pip knows which of them its C library can be of.
        tags.platform_tags = lambda: iter(target["platforms"])


def build_with_more(requirement_class, more):
    """Make pip's requirements of this class build with further requirements. more: lists by package."""
    from pip._vendor.packaging.utils import canonicalize_name

    load = requirement_class.load_pyproject_toml

    def load_with_more(self):
        load(self)
        self.pyproject_requires = [*(self.pyproject_requires or ()), *more.get(canonicalize_name(self.name or ""), ())]

    requirement_class.load_pyproject_toml = load_with_more


def main():
    """Run pip-tools and return its exit code."""
    from pip._internal.req.req_install import InstallRequirement
    from pip._vendor.packaging import markers, tags
    from piptools.scripts.compile import cli

    compile_for(json.loads(os.environ["MODELKILN_TARGET"]), markers, tags)
    evaluate_for_any_release(markers.Marker)
    build_with_more(InstallRequirement, json.loads(os.environ.get("MODELKILN_EXTRA_BUILD_REQUIREMENTS", "{}")))
    folder = use_private_folder()
    try:
        sandbox_pip()
        cli(prog_name="pip-compile")
    except NoSandbox as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
