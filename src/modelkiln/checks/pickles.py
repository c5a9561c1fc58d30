"""Pickles: refused, or held to a list of the names that they may import.

A pickle is a program, which imports and calls as it is loaded. Lists of known bad names miss attacks;
here a name is either listed or refused, and so is all that cannot be followed to its end.
"""

from typing import Any, Callable, Iterable, Optional

from modelkiln.checks.content import Content, Reader
from modelkiln.checks.joblib_arrays import array_of, skip_bytes
from modelkiln.checks.pickle_globals import is_never_allowed, is_torch_script
from modelkiln.checks.pickle_machine import Call, Machine
from modelkiln.checks.pickle_opcodes import FIRST_BYTES, BadPickle, Halt, may_start
from modelkiln.errors import ModelkilnError

__all__ = ["FIRST_BYTES", "FORMAT", "PickleRefused", "check", "check_stream", "look_through", "looks_like"]

FORMAT = "pickle"
# torch/serialization.py, MAGIC_NUMBER: the first of the five pickles of a file of torch before 1.6;
# what follows them are the bytes of the tensors.
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PICKLES = 5
# Weights may start with the two bytes of a pickle's start. By chance no more opcodes follow.
_MEANT_OPCODES = 16
# A value and STOP, without an import: two letters that a text may be as well, such as `N.`.
_SINGLE_VALUE = 2
_CONVERT = "Save the model in a format without code, such as safetensors or ONNX"


class PickleRefused(ModelkilnError):
    """A pickle where none is allowed, for want of a list. content: the pickle. imports: what it imports."""

    def __init__(self, content: Content, imports: Iterable[str]) -> None:
        self.content, self.imports = content, frozenset(imports)
        super().__init__(str(_not_allowed(content, self.imports)))


class _Forbidden(Exception):
    """An import of a name that is not allowed."""


def looks_like(content: Content) -> bool:
    """Return whether an unpickler would load, or call anything for, these bytes, or they are meant so.

    Protocols 2 to 5 are known by their first two bytes, if opcodes follow; older ones, and streams of
    newer opcodes without that start, by what they would do.
    """
    if not may_start(content.head(1)):
        return False
    with content.reader() as reader:
        head = reader.peek(2)
        is_meant = head[:1] == b"\x80" and head[1:] in (b"\2", b"\3", b"\4", b"\5")
        is_written = False
        while True:
            machine = Machine(reader, lambda name: None, lenient=True)
            try:
                machine.run()
            except Halt:
                is_long = machine.count > _MEANT_OPCODES
                return machine.acted or (is_meant and (is_long or bool(machine.imports)))
            except BadPickle:
                return machine.acted or is_meant
            is_written = is_written or (machine.count > _SINGLE_VALUE and not machine.left)
            if is_meant or machine.imports:
                return True
            if reader.at_end():
                return is_written


def check(content: Content, allowed: Optional[frozenset], *, in_archive: bool = False) -> set:
    """Check a file of one or more pickles; returns the names that they import.

    allowed: names of `allow_pickle`, None where pickles are not allowed at all. in_archive: it is a
    member of a zip of torch, whose tensors are persistent IDs. Raises ModelkilnError.
    """
    with content.reader() as reader:
        return check_stream(content, reader, allowed, in_archive=in_archive)


def check_stream(content: Content, reader: Reader, allowed: Optional[frozenset], *, in_archive: bool = False) -> set:
    """Check the pickles from the reader's position to its end."""
    found: dict = {}
    try:
        _follow_all(_Follower(content, allowed, found), reader, in_archive)
    except BadPickle as bad:
        # Without a list the answer is the same for every pickle.
        if allowed is None:
            raise PickleRefused(content, found) from None
        raise content.refuse(f"is a pickle that cannot be checked: {bad}", _CONVERT) from None
    except _Forbidden as forbidden:
        name = str(forbidden)
        if is_never_allowed(name):
            raise content.refuse(f"is a pickle that imports {name}, which can run anything", _CONVERT) from None
        raise content.refuse(
            f"is a pickle that imports {name}, which the field `allow_pickle` does not list",
            f"{_CONVERT}, or add the name if you trust who made the file",
        ) from None
    if allowed is None:
        raise PickleRefused(content, found)
    return set(found)


def look_through(
    content: Content, on_object: Callable[[Call], None], *, in_archive: bool = False
) -> tuple[frozenset, tuple]:
    """Follow the pickles of a file without judging them, whatever they call; returns the names that they import and
    what each makes.

    on_object: called with each object whose state is set. Raises BadPickle or EOFError for what cannot be followed.
    """
    found: dict = {}
    follower = _Follower(content, None, found, on_object, lenient=True)
    with content.reader() as reader:
        _follow_all(follower, reader, in_archive)
    return frozenset(found), tuple(follower.made)


def _not_allowed(content: Content, found: Iterable[str]) -> ModelkilnError:
    bad = sorted(name for name in found if is_never_allowed(name))
    if bad:
        return content.refuse(f"is a pickle that imports {', '.join(bad[:5])}, which can run anything", _CONVERT)
    names = ", ".join(repr(name) for name in sorted(found))
    return content.refuse(
        "is a pickle, which can run code when it is loaded",
        f"{_CONVERT}, or, if you trust who made it, allow what it imports: allow_pickle=[{names}]",
    )


def _follow_all(follow: "_Follower", reader: Reader, persistent: bool) -> None:
    first = follow.one(reader, persistent)
    if first == _TORCH_MAGIC:
        for _ in range(_TORCH_PICKLES - 1):
            follow.one(reader, True)
        return
    while not reader.at_end():
        start = reader.position
        try:
            follow.one(reader, persistent)
        except BadPickle as bad:
            raise BadPickle(f"what follows its STOP, at byte {start}, is not a pickle: {bad}") from None


class _Follower:
    """Follows pickles of one content, noting imports in `found`. made: what each makes, in their order."""

    def __init__(
        self,
        content: Content,
        allowed: Optional[frozenset],
        found: dict,
        on_object: Callable[[Call], None] = lambda value: None,
        *,
        lenient: bool = False,
    ) -> None:
        self._content, self._allowed, self._found, self._on_object = content, allowed, found, on_object
        self._lenient = lenient
        self.made: list = []

    def one(self, reader: Reader, persistent: bool) -> Any:
        """Follow the pickle at the reader's position; returns what it makes."""
        start, arrays = reader.position, []

        def after_build(value: Any) -> None:
            self._on_object(value)
            array = array_of(value)
            if array is None:
                return
            arrays.append(array)
            if array.objects:
                self.one(reader, False)
            else:
                skip_bytes(reader, array)

        made = self._machine(reader, persistent, after_build).run()
        if arrays:
            self._follow_plainly(start, persistent)
        self.made.append(made)
        return made

    def _follow_plainly(self, start: int, persistent: bool) -> None:
        # joblib reads the bytes of an array where every other unpickler reads opcodes. Whichever
        # loads the file, it must find no name that is not listed.
        with self._content.reader() as reader:
            reader.skip(start)
            try:
                self._machine(reader, persistent).run()
            except BadPickle:
                return

    def _machine(
        self, reader: Reader, persistent: bool, after_build: Optional[Callable[[Any], None]] = None
    ) -> Machine:
        return Machine(reader, self._note, lenient=self._lenient, persistent=persistent, after_build=after_build)

    def _note(self, name: str) -> None:
        if is_torch_script(name):
            return
        self._found[name] = None
        if self._allowed is not None and (name not in self._allowed or is_never_allowed(name)):
            raise _Forbidden(name)
