"""XGBoost's models, as JSON or UBJSON.

Source: XGBoost's doc/model.schema, and the checks of its loaders: src/learner.cc, src/gbm/gbtree_model.cc,
src/tree/tree_model.cc. A model may be large, and is read as a stream: numbers are counted, not looked at.
"""

import re
from typing import Any, Callable, Optional, Union

from modelkiln.checks.content import Content, is_natural
from modelkiln.checks.headers.header import BadHeader, Header, facts_of
from modelkiln.checks.headers.json_stream import JsonStream
from modelkiln.checks.headers.ubjson import UbjsonStream

__all__ = ["FORMAT", "NAME", "check", "looks_like"]

FORMAT, NAME = "xgboost", "XGBoost model"
_LEARNER = rb'"learner"\s*:\s*\{\s*"attributes"\s*:\s*\{'
_JSON = re.compile(rb'\s*\{\s*(?:"version"\s*:\s*\[[0-9,\s]*\]\s*,\s*)?' + _LEARNER)
_UBJSON = b"{L\0\0\0\0\0\0\0\7learner{L\0\0\0\0\0\0\0\nattributes{"
# Arrays of a tree that have an item for each node, where a leaf has one value and where it has several.
_OF_NODES = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")
_OF_SINGLE_LEAVES = ("loss_changes", "sum_hessian", "base_weights")
_OF_CATEGORIES = ("categories_nodes", "categories_segments", "categories_sizes")
_COUNTED = frozenset((*_OF_NODES, *_OF_SINGLE_LEAVES, *_OF_CATEGORIES))
# Of the version of a release.
_PARTS, _MAX_INT = 3, (1 << 31) - 1

_Stream = Union[JsonStream, UbjsonStream]


def looks_like(head: bytes) -> bool:
    """Return whether a file that starts with `head` (512 bytes) is meant as a model of XGBoost."""
    return head.startswith(_UBJSON) or _JSON.match(head) is not None


def check(content: Content, path: str) -> Header:
    """Check a whole file. Raises BadHeader or EOFError."""
    with content.reader() as reader:
        is_binary = reader.peek(len(_UBJSON)) == _UBJSON
        stream: _Stream = UbjsonStream(reader) if is_binary else JsonStream(reader)
        model = _Model(stream)
        model.read()
        stream.finish()
    return Header(model.facts())


class _Model:
    """What is found on the way through a model."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._version: Optional[list] = None
        self._booster = self._objective = ""
        self._params: Optional[dict] = None
        # How many there are of each, where the file has such a list.
        self._counts: dict = {}
        self._trees: Optional[int] = None
        self._rounds_end: Optional[int] = None

    def read(self) -> None:
        """Read the file and compare what it states with what it holds."""
        self._each({"learner": self._learner, "version": self._release})
        if (
            self._version is None
            or len(self._version) < _PARTS
            or self._params is None
            or not self._booster
            or not self._objective
        ):
            raise BadHeader("it lacks its version, learner_model_param, gradient_booster or objective")
        features = self._number(self._params, "num_feature")
        for key in ("feature_names", "feature_types"):
            if self._counts.get(key, 0) not in (0, features):
                raise BadHeader(f"it has {features} features (num_feature), and {self._counts[key]} {key}")
        self._check_trees()
        # A value for each feature and one beside them, for each output; none before the first round.
        weights = (features + 1) * max(1, *self._outputs())
        if self._counts.get("weights", 0) not in (0, weights):
            raise BadHeader(
                f"it has {self._counts['weights']} weights, and its numbers of features and outputs make {weights}"
            )

    def facts(self) -> dict:
        """What is known of the model after `read`."""
        classes, targets = self._outputs()
        return facts_of(
            architecture=self._booster,
            objective=self._objective,
            classes=classes if classes > 1 else None,
            features=self._number(self._params or {}, "num_feature"),
            targets=targets if targets > 1 else None,
            trees=self._trees,
            release=".".join(map(str, self._version or ())),
        )

    def _outputs(self) -> tuple[int, int]:
        """Numbers of classes and of targets; 0 or 1 for one that it does not have several of."""
        params = self._params or {}
        return self._number(params, "num_class", "0"), self._number(params, "num_target", "0")

    def _each(self, readers: dict) -> None:
        """Hand each member of an object to its reader, and pass over the others."""
        for key in self._stream.members():
            readers.get(key, self._stream.skip)()

    def _release(self) -> None:
        self._version = []
        for _ in self._stream.items():
            part = self._stream.scalar()
            if not is_natural(part) or part > _MAX_INT or len(self._version) == _PARTS:
                raise BadHeader(f"its version goes on with {part!r} after {self._version}, want {_PARTS} numbers")
            self._version.append(part)

    def _learner(self) -> None:
        self._each(
            {
                "feature_names": self._counter("feature_names"),
                "feature_types": self._counter("feature_types"),
                "gradient_booster": self._gradient_booster,
                "learner_model_param": self._learner_params,
                "objective": self._read_objective,
            }
        )

    def _counter(self, key: str) -> Callable[[], None]:
        def count() -> None:
            self._counts[key] = self._stream.skip()

        return count

    def _learner_params(self) -> None:
        self._params = self._texts("num_class", "num_feature", "num_target")

    def _read_objective(self) -> None:
        self._each({"name": self._objective_name})

    def _objective_name(self) -> None:
        self._objective = self._text()

    def _gradient_booster(self) -> None:
        # That of dart has the trees' in it.
        self._each(
            {
                "name": self._booster_name,
                "gbtree": lambda: self._each({"model": self._booster_model}),
                "model": self._booster_model,
                "weight_drop": self._counter("weight_drop"),
            }
        )

    def _booster_name(self) -> None:
        self._booster = self._text()

    def _booster_model(self) -> None:
        self._each(
            {
                "gbtree_model_param": self._trees_param,
                "iteration_indptr": self._rounds,
                "tree_info": self._counter("tree_info"),
                "trees": self._read_trees,
                # Of a linear booster.
                "weights": self._counter("weights"),
            }
        )

    def _trees_param(self) -> None:
        self._trees = self._number(self._texts("num_trees"), "num_trees")

    def _rounds(self) -> None:
        end = 0
        for _ in self._stream.items():
            tree = self._stream.scalar()
            if not isinstance(tree, int) or tree < end:
                raise BadHeader(f"its iteration_indptr has {tree!r} after {end}")
            end = tree
        self._rounds_end = end

    def _read_trees(self) -> None:
        count = 0
        for _ in self._stream.items():
            self._tree(count)
            count += 1
        self._counts["trees"] = count

    def _tree(self, number: int) -> None:
        counts: dict = {}
        params: dict = {}
        for key in self._stream.members():
            if key == "tree_param":
                params = self._texts("num_nodes", "size_leaf_vector")
            else:
                count = self._stream.skip()
                if key in _COUNTED:
                    counts[key] = count
        nodes = self._number(params, "num_nodes")
        is_single = self._number(params, "size_leaf_vector", "0") <= 1
        for key in (*_OF_NODES, *(_OF_SINGLE_LEAVES if is_single else ())):
            if counts.get(key) != nodes:
                raise BadHeader(f"tree {number} has {nodes} nodes (num_nodes), and {counts.get(key, 'no')} {key}")
        if len({counts.get(key) for key in _OF_CATEGORIES}) > 1:
            raise BadHeader(
                f"tree {number} has {[counts.get(key) for key in _OF_CATEGORIES]} {', '.join(_OF_CATEGORIES)}"
            )

    def _check_trees(self) -> None:
        if self._trees is None:
            if "trees" in self._counts:
                raise BadHeader("it has trees without a gbtree_model_param")
            return
        for key in ("trees", "tree_info"):
            if self._counts.get(key) != self._trees:
                raise BadHeader(f"it has {self._trees} trees (num_trees), and {self._counts.get(key, 'no')} {key}")
        if self._counts.get("weight_drop", self._trees) != self._trees:
            raise BadHeader(f"it has {self._trees} trees (num_trees), and {self._counts['weight_drop']} weight_drop")
        if self._rounds_end not in (None, self._trees):
            raise BadHeader(f"it has {self._trees} trees (num_trees), and iteration_indptr ends at {self._rounds_end}")

    def _texts(self, *wanted: str) -> dict:
        """The values of these keys of an object, which are texts."""
        found = {}
        for key in self._stream.members():
            if key in wanted:
                found[key] = self._text()
            else:
                self._stream.skip()
        return found

    def _text(self) -> str:
        value = self._stream.scalar()
        if not isinstance(value, str):
            raise BadHeader(f"it has {value!r} where a text is wanted")
        return value

    def _number(self, params: dict, key: str, default: str = "") -> int:
        text: Any = params.get(key, default)
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise BadHeader(f"its {key} is {text[:80]!r}, want a number")
        return int(text)
