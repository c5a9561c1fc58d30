"""Functions whose result is known from their arguments, or by itself, by full name."""

__all__ = ["ENVIRONMENT", "JOINS", "LAST_PARTS", "NEW_NAMES", "SAME", "SAME_METHODS", "TEMPORARY_FILES"]

JOINS = frozenset(("os.path.join", "posixpath.join", "ntpath.join", "pathlib.Path", "pathlib.PurePath",
                    "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath"))  # fmt: skip
# What returns its first argument, or the path it is called on, as far as a reader of the path can see.
SAME = frozenset(("str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expandvars",
                   "os.path.relpath",
                   "repr", "urllib.request.Request", "tuple", "list", "sorted", "set"))  # fmt: skip
SAME_METHODS = frozenset(("resolve", "absolute", "as_posix", "expanduser", "__str__", "strip", "rstrip", "lstrip",
                           "with_suffix", "lower", "encode", "decode"))  # fmt: skip
LAST_PARTS = frozenset(("os.path.basename", "posixpath.basename", "ntpath.basename"))
ENVIRONMENT = frozenset(("os.environ.get", "os.getenv", "os.environ.setdefault", "environ.get"))
# What gives a name that is not known, and no folder.
NEW_NAMES = frozenset((
    "werkzeug.utils.secure_filename", "werkzeug.secure_filename",
    "uuid.uuid1", "uuid.uuid4", "uuid.uuid4().hex", "time.time", "time.strftime", "time.time_ns", "secrets.token_hex",
    "datetime.datetime.now", "datetime.datetime.now().strftime", "datetime.now().strftime", "random.randint",
))  # fmt: skip
TEMPORARY_FILES = frozenset(f"tempfile.{name}" for name in (
    "mkdtemp", "mkstemp", "mktemp", "gettempdir", "TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile",
))  # fmt: skip
