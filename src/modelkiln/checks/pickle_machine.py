"""What a pickle would do when it is loaded, followed without doing it.

The machine has the stack and the memo of `pickle.Unpickler`. Where the real one would import, it
notes the name; where the real one would call, it makes a `Call`. Every name that is imported is
known, or the pickle is refused: what is called afterwards can only be one of them.
"""

import _compat_pickle
from dataclasses import dataclass
from typing import Any, Callable, Optional

from modelkiln.checks.content import Reader
from modelkiln.checks.pickle_opcodes import LARGE, BadPickle, Halt, Opcode, opcodes

__all__ = ["Call", "Global", "Machine", "qualified"]

_MAX_OPCODES = 20_000_000
# A pickle that needs more than this to be followed is made to tire its reader.
_MAX_VALUES = 5_000_000
_MAX_HELD = 128 << 20
# Of containers with more entries only their kind is kept.
_MAX_ENTRIES = 256
_UNKNOWN = object()
_PERSISTENT = ("PERSID", "BINPERSID")
_EXTENSIONS = ("EXT1", "EXT2", "EXT4")


@dataclass(frozen=True)
class Global:
    """What an import of a name gives."""

    module: str
    name: str


@dataclass
class Call:
    """What a call of `target` gives, and the state that BUILD has set."""

    target: Any
    arguments: Any
    state: Any = None


def qualified(module: str, name: str) -> str:
    """Return `module.name`, or `module:Outer.inner` for an attribute of something in a module."""
    return f"{module}:{name}" if "." in name else f"{module}.{name}"


class Machine:
    """Follows one pickle.

    on_import: called with each name, and may raise. lenient: go on where an unpickler might, to find
    out whether the bytes are a pickle at all; else whatever is odd is refused. persistent: persistent
    IDs are data. after_build: called with each object that BUILD has filled, and may read on.

    imports: qualified names in the order of import. acted: whether it came to a call. count: of opcodes.
    left: values that STOP left on the stack besides the one that it makes.
    """

    def __init__(
        self,
        reader: Reader,
        on_import: Callable[[str], None],
        *,
        lenient: bool = False,
        persistent: bool = False,
        after_build: Optional[Callable[[Any], None]] = None,
    ) -> None:
        self._reader, self._on_import = reader, on_import
        self._lenient, self._persistent, self._after_build = lenient, persistent or lenient, after_build
        self._stack: list = []
        self._marks: list = []
        self._memo: dict = {}
        self._protocol = self._held = self.count = self.left = 0
        self.imports: dict = {}
        self.acted = False

    def run(self) -> Any:
        """Follow the pickle to its STOP and return what it makes; raises BadPickle."""
        for opcode in opcodes(self._reader):
            self.count += 1
            if self.count > _MAX_OPCODES or len(self._stack) > _MAX_VALUES or self._held > _MAX_HELD:
                self._too_large()
            try:
                self._step(opcode)
            except BadPickle as bad:
                raise type(bad)(f"{opcode.name} at byte {opcode.position}: {bad}") from None
        made = self._pop()
        self.left = len(self._stack) + len(self._marks)
        return made

    def _too_large(self) -> None:
        # Nobody has to do this: it is taken for a pickle that hides what follows.
        self.acted = True
        raise BadPickle("it is too large to be followed")

    def _odd(self, what: str) -> None:
        """What no pickler writes: some unpickler may take it, or fail at it."""
        if not self._lenient:
            raise BadPickle(what)

    def _step(self, opcode: Opcode) -> None:
        handler = getattr(self, "_do_" + opcode.name.lower(), None)
        if handler is not None:
            handler(opcode.argument)
        elif opcode.name in _EXTENSIONS:
            raise BadPickle("an extension code hides which name it imports")
        elif opcode.name in _PERSISTENT:
            self._do_persistent(opcode)
        elif opcode.name in ("NEXT_BUFFER", "READONLY_BUFFER"):
            raise BadPickle("its data lies outside of the file")
        else:
            # All others push what they carry.
            self._push_constant(opcode)

    # Stack and memo

    def _push_constant(self, opcode: Opcode) -> None:
        value = _CONSTANTS.get(opcode.name, opcode.argument)
        if isinstance(value, (str, bytes)):
            self._held += len(value)
        self._push(_UNKNOWN if value is LARGE else value)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise Halt("the stack is empty")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise Halt("the stack is empty")
        return self._stack[-1]

    def _pop_mark(self) -> list:
        if not self._marks:
            raise Halt("there is no mark")
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _do_mark(self, _: Any) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _do_pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_mark()

    def _do_pop_mark(self, _: Any) -> None:
        self._pop_mark()

    def _do_dup(self, _: Any) -> None:
        self._push(self._top())

    def _do_put(self, index: Any) -> None:
        if index is LARGE:
            self._too_large()
        if index < 0:
            raise BadPickle(f"the memo has no place {index}")
        self._memo[index] = self._top()

    _do_binput = _do_long_binput = _do_put

    def _do_memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._top()

    def _do_get(self, index: Any) -> None:
        if index is LARGE:
            self._too_large()
        if index not in self._memo:
            raise BadPickle(f"the memo has nothing at {index}")
        self._push(self._memo[index])

    _do_binget = _do_long_binget = _do_get

    def _do_proto(self, version: int) -> None:
        if version > 5:
            raise BadPickle(f"protocol {version} is unknown")
        self._protocol = version

    def _do_frame(self, _: Any) -> None:
        pass

    def _do_stop(self, _: Any) -> None:
        pass

    # Containers

    def _do_empty_tuple(self, _: Any) -> None:
        self._push(())

    def _do_tuple(self, _: Any) -> None:
        self._push_tuple(self._pop_mark())

    def _do_tuple1(self, _: Any) -> None:
        self._push_tuple([self._pop()])

    def _do_tuple2(self, _: Any) -> None:
        self._push_tuple([self._pop(), self._pop()][::-1])

    def _do_tuple3(self, _: Any) -> None:
        self._push_tuple([self._pop(), self._pop(), self._pop()][::-1])

    def _push_tuple(self, items: list) -> None:
        self._push(tuple(items) if len(items) <= _MAX_ENTRIES else _UNKNOWN)

    def _do_empty_list(self, _: Any) -> None:
        self._push(_UNKNOWN)

    _do_empty_set = _do_empty_list

    def _do_list(self, _: Any) -> None:
        self._pop_mark()
        self._push(_UNKNOWN)

    _do_frozenset = _do_list

    def _do_empty_dict(self, _: Any) -> None:
        self._push({})

    def _do_dict(self, _: Any) -> None:
        items = self._pop_mark()
        self._push({})
        self._fill(items)

    def _do_append(self, _: Any) -> None:
        self._pop()
        self._container()

    def _do_appends(self, _: Any) -> None:
        self._pop_mark()
        self._container()

    _do_additems = _do_appends

    def _do_setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._fill([key, value])

    def _do_setitems(self, _: Any) -> None:
        self._fill(self._pop_mark())

    def _fill(self, items: list) -> None:
        if len(items) % 2:
            raise BadPickle("a key has no value")
        target = self._container()
        if isinstance(target, dict) and len(target) + len(items) // 2 <= _MAX_ENTRIES:
            for key, value in zip(items[::2], items[1::2]):
                target[key if isinstance(key, (str, int, bytes)) else len(target)] = value

    def _container(self) -> Any:
        target = self._top()
        if target is _UNKNOWN or isinstance(target, (dict, Call)):
            return target
        self._odd("it changes what is neither a container nor an object of its own")
        return _UNKNOWN

    # Imports and calls

    def _do_global(self, names: Any) -> None:
        self._push(self._import_pair(names))

    def _do_stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise BadPickle("the name that it imports is computed")
        self._push(self._import(module, name))

    def _import_pair(self, names: Any) -> Global:
        if names is LARGE:
            raise BadPickle("it imports a name of more bytes than any has")
        return self._import(*names)

    def _import(self, module: str, name: str) -> Global:
        parts = [*module.split("."), *name.split(".")]
        if not all(part.isidentifier() for part in parts):
            raise BadPickle(f"it imports {module!r}, {name!r}, which are not names")
        if self._protocol < 3:
            # pickle.Unpickler.find_class with its default fix_imports=True.
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        text = qualified(module, name)
        if text not in self.imports:
            self.imports[text] = None
            self._on_import(text)
        return Global(module, name)

    def _do_reduce(self, _: Any) -> None:
        arguments = self._pop()
        self._call(self._pop(), arguments)

    def _do_inst(self, names: Any) -> None:
        arguments = self._pop_mark()
        self._call(self._import_pair(names), tuple(arguments[:_MAX_ENTRIES]))

    def _do_obj(self, _: Any) -> None:
        items = self._pop_mark()
        if not items:
            raise BadPickle("it calls nothing")
        self._call(items[0], tuple(items[1:_MAX_ENTRIES]))

    def _do_newobj(self, _: Any) -> None:
        arguments = self._pop()
        self._call(self._pop(), arguments)

    def _do_newobj_ex(self, _: Any) -> None:
        self._pop()
        arguments = self._pop()
        self._call(self._pop(), arguments)

    def _call(self, target: Any, arguments: Any) -> None:
        if not isinstance(target, Global):
            self._odd("it calls what is not an imported name")
        # Without an import there is nothing that could be called, nor is a text or a number.
        self.acted = self.acted or (bool(self.imports) and (target is _UNKNOWN or isinstance(target, (Global, Call))))
        self._push(Call(target, arguments))

    def _do_build(self, _: Any) -> None:
        state = self._pop()
        target = self._top()
        self.acted = self.acted or (bool(self.imports) and _sets_state(target, state))
        if not isinstance(target, Call):
            self._odd("it sets the state of what is not an object of its own")
            return
        target.state = state
        if self._after_build is not None:
            self._after_build(target)

    def _do_persistent(self, opcode: Opcode) -> None:
        if not self._persistent:
            raise BadPickle("a persistent ID means what the program that loads it makes of it")
        if opcode.name == "BINPERSID":
            self._pop()
        self._push(_UNKNOWN)


def _sets_state(target: Any, state: Any) -> bool:
    """Whether BUILD changes what a call has made, or with a dict's entries an imported class or function."""
    if isinstance(target, Global):
        # Another name, a text or a number has no entries, as in the lines of a list of labels.
        return state is _UNKNOWN or isinstance(state, (dict, tuple, Call))
    return target is _UNKNOWN or isinstance(target, Call)


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
