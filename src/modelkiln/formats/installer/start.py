"""What a PEX does before it imports Pex. An environment that is there is started at once, as Pex starts it after its
imports. One that is not is made without Pex, where nothing asks for another than Pex would make."""

# This text stands in the `__main__.py` of a PEX, which is compiled at each start.
import os
import sys


def start_installed(pex, root, venv, of_pex, wheels, notable, needs):
    """Become the package of the PEX at `pex`; returns where Pex has to start it.

    root: the PEX_ROOT that the PEX names. venv, of_pex: below that, what an environment of ours begins with, and the
    program that starts the one that Pex makes. wheels: (what its place begins with, its place by Pex, bytes) of large
    ones.
    notable: how many bytes of these one waits for. needs: ((3, 11), "x86_64", 28): Python, machine, glibc 2.X.
    """
    if not _is_plain():
        return
    root = os.path.realpath(os.path.expanduser(os.environ.get("PEX_ROOT") or root))
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    is_ours = _fits(base, *needs)
    if is_ours:
        from binascii import crc32

        # Byte code is that of one build of Python: another patch release may compile the same source otherwise.
        key = f"{crc32(os.fsencode(base) + sys.version.encode()):08x}"
        venv, wheels = f"{venv}-{key}", [(f"{place}-{key}", of_pex, size) for place, of_pex, size in wheels]
        # Who cleans a PEX_ROOT may have left the environment without its wheels.
        if all(os.path.exists(os.path.join(root, place)) for place, _, _ in wheels):
            _execute(pex, os.path.join(root, venv, "__main__.py"))
    _execute(pex, os.path.join(root, of_pex))
    absent = (one for one in wheels if not os.path.exists(os.path.join(root, one[0] if is_ours else one[1])))
    size = sum(size for _, _, size in absent)
    if size > notable and sys.stderr:
        try:
            name = os.path.basename(sys.argv[0])
            sys.stderr.write(f"{name}: first start, installs {size // 1000000} MB of wheels in {root}\n")
            sys.stderr.flush()
        except OSError:
            pass  # A full disk, or nobody who reads: no reason not to start.
    if is_ours and _install(pex, root, venv, base):
        _execute(pex, os.path.join(root, venv, "__main__.py"))


def _is_plain():
    """Whether nothing asks for anything else than the package's own program: no setting of Pex or Python."""
    known = ("PEX", "PEX_ROOT", "PEX_IGNORE_RCFILES")
    if any(name == "PYTHONPATH" or name.lstrip("_").startswith("PEX") and name not in known for name in os.environ):
        return False
    files = ("/etc/pexrc", os.path.expanduser("~/.pexrc"), os.path.join(os.path.dirname(sys.argv[0]), ".pexrc"))
    if any(map(os.path.exists, files)):
        return False
    try:
        arguments = getattr(sys, "orig_argv", None)  # Since Python 3.10.
        if arguments is None:
            with open("/proc/self/cmdline", "rb") as stream:
                arguments = stream.read().split(b"\0")[:-1]
    except OSError:
        return False
    return len(arguments) == len(sys.argv) + 1


def _fits(base, python, machine, glibc):
    """Whether wheels and environments of this interpreter are what Pex would choose."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] != python or getattr(sys, "abiflags", None) != "":
        return False
    try:
        release = os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")
        is_new = (int(release[0]), int(release[1])) >= (2, glibc)
    except (AttributeError, IndexError, OSError, ValueError):
        return False
    if not is_new or os.uname().machine != machine or sys.maxsize < 1 << 32:
        return False
    # An environment looks for the standard library from where its interpreter lies.
    return os.path.realpath(sys.base_prefix) == os.path.dirname(os.path.dirname(base))


def _install(pex, root, venv, base):
    sys.path.insert(0, os.path.join(pex, ".bootstrap"))
    try:
        from modelkiln.formats.installer.environment import install
    except ImportError:
        return False  # Of an interpreter without all modules of its own.
    finally:
        del sys.path[0]
    try:
        return install(pex, root, venv, base)
    except KeyboardInterrupt:
        if sys.stderr:
            sys.stderr.write(f"{os.path.basename(sys.argv[0])}: interrupted\n")
        sys.exit(130)


def _execute(pex, script):
    """Become a program by its first line, where it is there."""
    try:
        with open(script, "rb") as stream:
            line = os.fsdecode(stream.readline()[2:].rstrip())
    except OSError:
        return
    # A path may have spaces, also of Pex, which does not find its own environment then.
    python, _, option = line.rpartition(" ")
    if not option.startswith("-"):
        python, option = line, ""
    if os.access(script, os.X_OK) and os.access(python, os.X_OK):
        os.environ["PEX"] = os.path.realpath(pex)
        os.execv(python, [python, *([option] if option else []), script, *sys.argv[1:]])
