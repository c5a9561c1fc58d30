"""An environment that an image of an ensemble has beside its own: what a process in it runs with, and its check.

As a program it runs in such an environment, and compares it with the record.
"""

import os
import subprocess
import sys
import sysconfig

from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.record import find_package
from modelkiln.runtime.verification.byte_code import differing, source_of
from modelkiln.runtime.verification.installed import check_requirements, place_of, strangers

__all__ = ["process_of", "verify_environments"]

# What an image has its folders in: the code lies in one of these.
_TOP = os.path.abspath(__file__)
for _ in range(5):
    _TOP = os.path.dirname(_TOP)


def process_of(member):
    """Return the interpreter and the variables of a member's process.

    Raises StepError for one whose environment is not there.
    """
    if "environment" not in member:
        return sys.executable, None
    folder = os.path.join(_TOP, member["environment"])
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        raise StepError(f'member "{member["name"]}": its environment {folder} is not there. It answers in an image.')
    site_packages = f"{folder}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    variables = dict(os.environ, PATH=os.pathsep.join([f"{folder}/bin", *_beyond(os.environ.get("PATH"))]))
    libraries = [f"{site_packages}/{name}" for name in member.get("libraries") or ()]
    libraries += _beyond(os.environ.get("LD_LIBRARY_PATH"))
    variables.pop("LD_LIBRARY_PATH", None)
    return python, {**variables, **({"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {})}


def _beyond(paths):
    """Of a list of folders those that are not of this process's own environment."""
    listed = [path for path in (paths or "").split(os.pathsep) if path]
    return [path for path in listed if not path.startswith(sys.prefix + os.sep)]


def verify_environments(record):
    """Compare each environment with the record, in a process of its own; returns 0, or 1 where one differs."""
    worst = 0
    for path in sorted(record["ensemble"].get("environments") or ()):
        python = os.path.join(_TOP, path, "bin", "python")
        try:
            code = subprocess.call([python, "-m", "modelkiln.runtime.ensemble.environment", path])
        except OSError as error:
            sys.stderr.write(f"verify: {python}: {error.strerror}. The package is damaged; build or fetch it again.\n")
            code = 1
        worst = max(worst, min(abs(code), 1))
    return worst


def verify_here(path, requirements):
    """Return (mismatches, summary) of the environment at `path` that this process runs in, see
    `modelkiln.runtime.verification.verify`."""
    folder = os.path.realpath(os.path.join(_TOP, path))
    if os.path.realpath(sys.prefix) != folder:
        return [f"{sys.prefix}: is what runs, want {folder}."], ""
    mismatches, files, known = check_requirements(requirements, False)
    mismatches += strangers(requirements, sysconfig.get_path("purelib"))
    skeleton, found = _skeleton()
    mismatches += found
    known |= skeleton
    compiled = 0
    for place in _files_below(folder):
        if place in known:
            continue
        source = source_of(place)
        if source in known:
            compiled += 1
            mismatches += filter(None, [differing(place, source)])
        else:
            mismatches.append(f"{place}: is not in the record.")
    return mismatches, (
        f"{_counted(len(requirements), 'distribution')} ({_counted(files, 'file')}), "
        f"{_counted(compiled, 'file')} of byte code"
    )


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 'es' if noun.endswith('h') else 's'}"


def _skeleton():
    """Places of what makes a folder an environment, and sentences where it is not one of the base's Python."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    programs = [os.path.join(sys.prefix, "bin", name) for name in ("python", "python3", python)]
    links = [os.readlink(path) if os.path.islink(path) else None for path in programs]
    config = os.path.join(sys.prefix, "pyvenv.cfg")
    known = set(map(place_of, (*programs, config)))
    # The ensemble's own environment is compared with the base's Python; this one has to lead to the same.
    other = os.path.join(_TOP, "opt", "venv")
    wanted = [os.readlink(os.path.join(other, "bin", "python")), "python", "python"]
    mismatches = [] if links == wanted else [f"{programs[0]}: leads to {links[0]}, want {wanted[0]}."]
    with open(config, "rb") as ours, open(os.path.join(other, "pyvenv.cfg"), "rb") as theirs:
        if ours.read() != theirs.read():
            mismatches.append(f"{config}: is not that of an environment of {wanted[0]} alone.")
    return known, mismatches


def _files_below(folder):
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(place, name)
        # A link to a folder is a file that nobody recorded.
        yield from (os.path.join(place, name) for name in folders if os.path.islink(os.path.join(place, name)))


def main(path):
    """Verify the environment that this process runs in; returns the exit code."""
    requirements = find_package().record["ensemble"]["environments"][path]["requirements"]
    mismatches, summary = verify_here(path, requirements)
    for mismatch in mismatches:
        sys.stderr.write(f"verify: {mismatch}\n")
    if mismatches:
        sys.stderr.write(
            f"verify: /{path}: {_counted(len(mismatches), 'mismatch')}. Build or fetch the package again.\n"
        )
        return 1
    sys.stdout.write(f"verified /{path}: {summary}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
