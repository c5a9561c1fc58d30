"""Functions and classes of a script, pickled by value, and what they return."""

import pickle

import cloudpickle

SCRIPT = """
import abc, collections, dataclasses, enum, typing
FACTOR = 3
def function(x, *, y=2):
    return x * FACTOR + y
def make():
    hidden = 4
    def inner(x):
        return x + hidden
    return inner
closure = make()
class Plain:
    def __init__(self, v=2):
        self.v = v
    def __call__(self, x):
        return x * self.v + FACTOR
    @property
    def p(self):
        return 5
instance = Plain()
method = Plain().__call__
class Slots:
    __slots__ = ("q",)
    def __call__(self, x):
        self.q = x
        return self.q
slots = Slots()
class Base(abc.ABC):
    @abc.abstractmethod
    def __call__(self, x): ...
class Derived(Base):
    def __call__(self, x):
        return super().__class__.__name__ + str(x)
derived = Derived()
class Colour(enum.Enum):
    RED = 1
    def __call__(self, x):
        return x + self.value
colour = Colour.RED
@dataclasses.dataclass
class Data:
    a: int = 3
    def __call__(self, x):
        return [x, repr(self)]
data = Data()
T = typing.TypeVar("T")
class Generic(typing.Generic[T]):
    def __call__(self, x):
        return x + 1
generic = Generic()
Pair = collections.namedtuple("Pair", "a b")
def pair(x):
    return list(Pair(x, 1))
"""
NAMES = ("function", "closure", "instance", "method", "slots", "derived", "colour", "data", "generic", "pair")
ASKED = 7


def write(folder):
    """Pickle each; returns answers by file."""
    scope = {"__name__": "__main__"}
    exec(SCRIPT, scope)
    answers = {}
    for name in NAMES:
        (folder / f"{name}.pkl").write_bytes(cloudpickle.dumps(scope[name], 4))
        answers[f"{name}.pkl"] = scope[name](ASKED)
    return answers


def read(path):
    """What the function in a file returns."""
    return pickle.loads(path.read_bytes())(ASKED)
