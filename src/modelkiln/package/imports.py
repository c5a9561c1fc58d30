"""What a package's code imports, and whether anything in the package has it.

Code is read, never imported. What is plainly optional (caught, behind a check of version or platform, for
type checkers alone) is left to the code; everything else must be a module of the package's code, of its
wheels, or of the standard library.
"""

import ast
import re
from dataclasses import dataclass
from typing import Collection, Iterable, Iterator, Optional, Sequence, Union

from modelkiln.errors import ModelkilnError

__all__ = ["STANDARD_MODULES", "Import", "check_imports", "code_modules", "find_imports", "imports_of_pickles"]

# Of CPython 3.9 to 3.14 together (sys.stdlib_module_names). Names that begin with an underscore are an
# interpreter's own.
STANDARD_MODULES = frozenset("""
    abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb
    binascii binhex bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop
    collections colorsys compileall compression concurrent configparser contextlib contextvars copy copyreg
    crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest dummy_threading email
    encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib
    functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib
    imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging
    lzma macpath mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc
    nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev parser pathlib pdb pickle
    pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile
    pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched
    secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd
    sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau
    symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this threading
    time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing
    unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml
    xmlrpc zipapp zipfile zipimport zlib zoneinfo
    """.split())
_IGNORED_LINE = re.compile(r"#\s*pants:\s*no-infer-dep")
_SHOWN = 10


@dataclass(frozen=True)
class Import:
    """A module that something needs. alternative: the module whose attribute the name may be instead, or "".
    origin: where it is imported, "rain/forecast.py:3"."""

    module: str
    origin: str
    alternative: str = ""


def find_imports(path: str, source: bytes, optional: bool = False) -> list[Import]:
    """Return the imports of a Python file, whose `path` is relative to the folder that modules lie in.

    optional: also those that may fail, of which a package need not have the modules. A file that this Python cannot
    read is the interpreter's to refuse: it may be of a newer release.
    """
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError):
        return []
    lines = source.decode("utf-8", "replace").splitlines()
    found = []
    statements = ast.walk(tree) if optional else _needed(tree.body)
    for node in statements:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if any(_IGNORED_LINE.search(line) for line in lines[node.lineno - 1 : node.end_lineno]):
            continue
        found += _imports(node, path)
    return found


def _needed(statements: Iterable[ast.AST]) -> Iterator[Union[ast.Import, ast.ImportFrom]]:
    """The import statements that must succeed, at all depths."""
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            # What is caught is optional, and so is what takes its place.
            yield from _needed([*node.orelse, *node.finalbody])
        elif isinstance(node, (ast.With, ast.AsyncWith, ast.If)) and _is_optional(node):
            continue
        else:
            yield from _needed(ast.iter_child_nodes(node))


def _names(node: Optional[ast.AST]) -> set[str]:
    """All names and attributes in an expression."""
    found = list(ast.walk(node)) if node else []
    names = {one.id for one in found if isinstance(one, ast.Name)}
    return names | {one.attr for one in found if isinstance(one, ast.Attribute)}


_CATCHING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def _catches(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_names(handler.type) & _CATCHING)


def _is_optional(node: Union[ast.With, ast.AsyncWith, ast.If]) -> bool:
    if isinstance(node, ast.If):
        return bool(_names(node.test) & {"TYPE_CHECKING", "version_info", "platform", "__name__", "find_spec"})
    named = [_names(item.context_expr) for item in node.items]
    return any("suppress" in names and names & _CATCHING for names in named)


def _imports(node: Union[ast.Import, ast.ImportFrom], path: str) -> list[Import]:
    origin = f"{path}:{node.lineno}"
    if isinstance(node, ast.Import):
        return [Import(alias.name, origin) for alias in node.names]
    base = node.module or ""
    if node.level:
        # The package of the file is that of `a/b.py` and of `a/__init__.py` alike.
        package = path.split("/")[:-1]
        if node.level > len(package) + 1:
            return []
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
    return [
        Import(
            base if alias.name == "*" else f"{base}.{alias.name}".strip("."), origin, "" if alias.name == "*" else base
        )
        for alias in node.names
    ]


def imports_of_pickles(names: Iterable[str], origin: str) -> list[Import]:
    """Return what loading pickles imports that import `names`, as the field `allow_pickle` has them."""
    found = []
    for name in names:
        module, colon, _ = name.partition(":")
        found.append(Import(name, origin, name.rpartition(".")[0]) if not colon else Import(module, origin))
    return found


def code_modules(paths: Iterable[str]) -> frozenset[str]:
    """Return the modules and packages that files at `paths` make, relative to the folder they lie in.

    A package without `__init__.py` is one, too; "." stands after the name of one that can have attributes
    of its own, as in "acme.".
    """
    found: set[str] = set()
    for path in paths:
        *folders, name = path.split("/")
        found.update(".".join(folders[:depth]) for depth in range(1, len(folders) + 1))
        stem, dot, ending = name.partition(".")
        if not dot or not (ending == "py" or ending.endswith(("so", "pyd"))):
            continue
        module = ".".join(folders if stem == "__init__" else [*folders, stem])
        found.update({module, f"{module}."})
    return frozenset(found)


def check_imports(
    where: str,
    imports: Iterable[Import],
    own: Collection[str],
    installed: Collection[str],
    allowed: Sequence[str],
    remedy: str,
) -> None:
    """Refuse imports that nothing in the package can satisfy.

    own: see `code_modules`. installed: modules of wheels, see `wheels.contents`. allowed: modules that may be
    missing, with all that is in them. Raises ModelkilnError, with `remedy`.
    """
    missing: dict[str, str] = {}
    tops = {name.split(".")[0] for name in installed}
    for one in imports:
        top = one.module.split(".")[0]
        if top in STANDARD_MODULES or top.startswith("_") or any(_is_in(one.module, name) for name in allowed):
            continue
        if _is_own(one, own) or (top in tops and _is_installed(one, installed)):
            continue
        # `from a.b import c` where there is no `a.b`: that is what is missing.
        shown = one.alternative if one.alternative and one.alternative not in own else one.module
        missing.setdefault(shown, one.origin)
    if not missing:
        return
    names = [f"{module} ({origin})" for module, origin in sorted(missing.items())]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise ModelkilnError(
        f"{where}: imports what neither its code nor its requirements have: {', '.join(names[:_SHOWN])}{more}. {remedy}"
    )


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _is_own(one: Import, own: Collection[str]) -> bool:
    # An attribute of a package or module that has code is its own affair.
    return one.module in own or (bool(one.alternative) and f"{one.alternative}." in own)


def _is_installed(one: Import, installed: Collection[str]) -> bool:
    # Of packages that several distributions share ("google"), the parts are known.
    return any(_is_in(one.module, name) or name.startswith(f"{one.module}.") for name in installed)
