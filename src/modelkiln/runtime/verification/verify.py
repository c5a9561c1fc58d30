"""Whether a package's files are those that its record names, and all that would run."""

import os
import sys
import sysconfig

from modelkiln.runtime.verification.byte_code import differing, source_of
from modelkiln.runtime.verification.installed import check_file, check_requirements, place_of, strangers
from modelkiln.runtime.weights.lazy import found_files, view_folder
from modelkiln.runtime.weights.lock import LOCK_PATH

__all__ = ["verify"]

_RECORD = ".modelkiln/record.json"
# The bill of materials of a PEX; that of an image lies outside of the package's folders.
_SBOM = ".modelkiln/sbom.cdx.json"
# What Pex puts at the top of a PEX, beside a package's files.
_OF_PEX = ("PEX-INFO", ".bootstrap", ".deps", "__main__.py", "__pex__")
# What Pex 2.105.2 puts into the site-packages of an environment; the first one runs at each start.
_PATH_OF_PEX = {
    "PEX_EXTRA_SYS_PATH.pth": "50ca0a9f615965cdeee33d19d61b4bcf17e5a8815628ceaee3ca1ba835049446",
    "PEX_EXTRA_SYS_PATH.py": "29804a63d6784de803bb8eada24b4224b22be87bcc3dff2e8d887cdc3138d210",
}
_OTHERS_PACKAGES = ("site-packages", "dist-packages")


def verify(package):
    """Return (mismatches, summary): one sentence for each file that differs, and what was read.

    Read are the model artifact files, the code files, and the files of every distribution that the record requires,
    each of which lists its own in RECORD (the "Recording installed distributions" specification, PEP 376). Byte code
    is compared with what its source compiles to, in an image that of the base's Python, too. In the folders of the
    package nothing may lie that neither the record nor a RECORD names.
    """
    record, check = package.record, _Check(package)
    weights = check.artifacts()
    check.code()
    files = check.distributions() if record["requirements"] else 0
    check.folders()
    absent = len(record["artifacts"]) - weights if package.is_lazy else 0
    later = f" ({absent} more are not fetched yet)" if absent else ""
    summary = (
        f"{_counted(weights, 'model artifact file')}{later}, {_counted(len(record['code']), 'code file')}, "
        f"{_counted(len(record['requirements']), 'distribution')} ({_counted(files, 'file')})"
    )
    provided = len(record.get("provided") or ())
    summary += f", {_counted(provided, 'provided requirement')} (not verified)" if provided else ""
    # That of a PEX is made as it is run, and has another number each time.
    summary += f", {_counted(check.compiled, 'file')} of byte code" if not check.is_pex else ""
    return check.mismatches, summary


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Check:
    """What was found of a package. known: places (see `place_of`) of files that
    may be where they are, each of which was read.
    compiled: files of byte code that were compared with their sources."""

    def __init__(self, package):
        self._package, self._record = package, package.record
        self._root = os.path.abspath(package.root)
        self._top = os.path.dirname(self._root)
        # A PEX is an unpacked folder, or the environment that it is in; it may run in the environment of another.
        inside = os.path.realpath(self._root).startswith(os.path.realpath(sys.prefix) + os.sep)
        places = (self._root, sys.prefix) if inside else (self._root,)
        self.is_pex = any(os.path.exists(os.path.join(one, "PEX-INFO")) for one in places)
        self._is_image = not self.is_pex and bool(self._record.get("image"))
        self.mismatches, self.known, self.compiled = [], set(), 0

    def _check_file(self, path, *expected):
        self.known.add(place_of(path))
        self.mismatches += check_file(path, *expected)

    def artifacts(self):
        """Read the model artifact files, and return how many there are: the others have not been fetched."""
        package, listed = self._package, self._record["artifacts"]
        if package.is_lazy:
            paths = found_files(package)
        else:
            paths = {one["path"]: os.path.join(package.models, one["path"]) for one in listed}
        for artifact in listed:
            if artifact["path"] in paths:
                self._check_file(paths[artifact["path"]], "model artifact", artifact["sha256"], artifact["size"])
        return len(paths)

    def code(self):
        """Read the code files, and what the package carries in the place of weights."""
        for code in self._record["code"]:
            self._check_file(os.path.join(self._root, code["path"]), "code", code["sha256"])
        if self._record.get("weights_lock"):
            self._check_file(os.path.join(self._root, LOCK_PATH), "weights lock", self._record["weights_lock"])
        self.known.add(place_of(os.path.join(self._root, _RECORD)))

    def distributions(self):
        """Read what is installed, and return how many files that is."""
        mismatches, hashed, known = check_requirements(self._record["requirements"], self.is_pex)
        self.mismatches += mismatches
        self.known |= known
        return hashed

    def folders(self):
        """Look for what nobody recorded in the folders of the package, and compare byte code with its sources."""
        packages = [self._root]
        if self._is_image:
            packages.append(sysconfig.get_path("purelib"))
            self._check_environment()
        elif self.is_pex:
            packages.append(sysconfig.get_path("purelib"))
            self._know_pex()
        for folder in packages:
            self.mismatches += strangers(self._record["requirements"], folder)
        folders = [*packages, *([sys.prefix] if self._is_image else []), *self._models()]
        seen = set()
        for path in (path for folder in folders for path in _files_below(folder, seen)):
            if path not in self.known:
                self._check_stranger(path)
        if self._is_image:
            self._check_base()

    def _models(self):
        """Folders of weights in which nothing else may lie: a mounted one may have more."""
        if self._package.is_lazy:
            return [view_folder(self._package)]
        beside = os.path.join(self._top, "models")
        return [beside] if self._is_image and os.path.isdir(beside) and not self._is_mounted() else []

    def _is_mounted(self):
        return self._record.get("weights") in ("sidecar", "lazy")

    def _check_environment(self):
        """In an image: whether this is the environment that lies beside the code, made as it always is."""
        venv, python = os.path.join(self._top, "opt", "venv"), f"python{sys.version_info[0]}.{sys.version_info[1]}"
        if os.path.realpath(sys.prefix) != os.path.realpath(venv):
            self.mismatches.append(f"{sys.prefix}: is what runs, want {venv}.")
            return
        programs = [os.path.join(sys.prefix, "bin", name) for name in ("python", "python3", python)]
        links = [os.readlink(path) if os.path.islink(path) else None for path in programs]
        if None in links or links[1:] != ["python", "python"]:
            self.mismatches.append(f"{programs[0]}: is not a link to the base's Python, which the others lead to.")
            return
        self.known.update(map(place_of, programs))
        config = os.path.join(sys.prefix, "pyvenv.cfg")
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        home = os.path.dirname(links[0])
        text = f"home = {home}\ninclude-system-site-packages = false\nversion = {version}\n"
        with open(config, encoding="utf-8", errors="replace") as stream:
            if stream.read() != text:
                self.mismatches.append(f"{config}: is not that of an environment of {links[0]} alone.")
        self.known.add(place_of(config))

    def _know_pex(self):
        """Files of a PEX alone: the bill of materials, and those of Pex itself."""
        self.known.add(place_of(os.path.join(self._root, _SBOM)))
        for name, sha256 in _PATH_OF_PEX.items():
            path = os.path.join(sysconfig.get_path("purelib"), name)
            if os.path.exists(path):
                self._check_file(path, "code of Pex", sha256)

    def _check_stranger(self, path):
        """A file that is not among those that were read may be byte code of one of these."""
        source = source_of(path)
        if source in self.known:
            self._compare(path, source)
        elif not (self.is_pex and self._is_of_pex(path)):
            self.mismatches.append(f"{path}: is not in the record.")

    def _is_of_pex(self, path):
        top = os.path.relpath(path, os.path.realpath(self._root)).split(os.sep)[0]
        is_unpacked = os.path.exists(os.path.join(self._root, "PEX-INFO"))
        return is_unpacked and top in _OF_PEX

    def _compare(self, path, source):
        self.compiled += 1
        self.mismatches += filter(None, [differing(path, source)])

    def _check_base(self):
        """Compare the byte code of the base's Python with its sources; what these should be is known to no record."""
        library = sysconfig.get_path("stdlib")
        for path in _files_below(library, set(), _OTHERS_PACKAGES):
            if path.endswith(".pyc"):
                source = source_of(path)
                if source is None or not os.path.isfile(source):
                    self.mismatches.append(f"{path}: has no source.")
                else:
                    self._compare(path, source)


def _files_below(folder, seen, left_out=()):
    """Yield the places (see `place_of`) of all files below `folder`, sorted, through links to folders.

    seen: real paths of folders that were looked through before.
    """
    for place, folders, names in os.walk(os.path.abspath(folder), followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            del folders[:]
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name not in left_out)
        for name in sorted(names):
            yield os.path.join(real, name)
