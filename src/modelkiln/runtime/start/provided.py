"""Provided requirements: packages that this one must not contain, and that its host has.

They are looked for where the package's own modules are, then in the folder that is mounted for them, and at last
among the packages of the interpreter that the environment was made with: of a base image, or of this machine. What is
found there is appended to the path of imports, so that nothing in it takes the place of a module of the package.
"""

import importlib
import os
import sys

from modelkiln.runtime.start.versions import allows

__all__ = ["FOLDER", "VARIABLE", "provide", "text_of"]

# Where images expect it; elsewhere the variable names the folder, or several, as PYTHONPATH does.
FOLDER = "/opt/provided"
VARIABLE = "MODELKILN_PROVIDED"
_IN_FOLDER = (
    f"Install it into the base image, or mount a folder with it (`pip install --target`) at {FOLDER}, or anywhere with "
    f"{VARIABLE} naming it."
)
_IN_APPLICATION = "Install it into the application's environment."


def text_of(requirement):
    """Return a provided requirement as people write it: "tensorrt<11,>=10.3"."""
    return f"{requirement['name']}{requirement['specifier']}"


def provide(requirements, in_application=False):
    """Make the provided requirements of a record importable; returns a sentence for each that is not.

    What has another version is not put on the path, unless it is there already. in_application: the path of
    imports is somebody else's and stays as it is.
    """
    folders = () if in_application else _folders()
    remedy = _IN_APPLICATION if in_application else _IN_FOLDER
    problems = []
    for requirement in requirements:
        problem = _find(requirement, folders) or _import(requirement)
        if problem:
            text = f"{text_of(requirement)} is a provided requirement, and {problem}. {remedy}"
            problems.append(f"{text} Reason: {requirement['reason'].rstrip('.')}.")
    return problems


def _find(requirement, folders):
    """Look for a distribution of the right version; returns what is wrong where there is none."""
    others = []
    for folder in (None, *folders):
        version = _version(requirement["name"], folder)
        if version is None:
            continue
        where = folder or "the package's environment"
        try:
            fits = allows(requirement["specifier"], version)
        except ValueError as error:
            return f"that in {where} has a version that cannot be compared: {error}"
        if fits:
            if folder and folder not in sys.path:
                sys.path.append(folder)
                importlib.invalidate_caches()
            return None
        if folder is None or folder in sys.path:
            # It would be imported whatever comes later.
            others = [f"{version} in {where}"]
            break
        others.append(f"{version} in {where}")
    return f"there is {' and '.join(others)}" if others else "is not installed"


def _import(requirement):
    for module in requirement["modules"]:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            return f"its module {module} cannot be imported: {said}"
    return None


def _folders():
    """Folders besides the path of imports that can have provided requirements, the first one first."""
    named = os.environ.get(VARIABLE)
    folders = [os.path.abspath(one) for one in named.split(os.pathsep) if one] if named else [FOLDER]
    python, base = f"python{sys.version_info[0]}.{sys.version_info[1]}", sys.base_prefix
    if sys.prefix != base:
        # Debian's interpreter has its packages in folders of its own.
        folders += [f"{base}/lib/{python}/site-packages", f"{base}/local/lib/{python}/dist-packages"]
        folders += [f"/usr/local/lib/{python}/dist-packages", f"{base}/lib/python3/dist-packages"]
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def _version(name, folder):
    """The version of a distribution in a folder, or on the path of imports; None where there is none."""
    import importlib.metadata

    where = {} if folder is None else {"path": [folder]}
    found = importlib.metadata.distributions(name=name, **where)
    return next((one.version for one in found if one.version), None)
