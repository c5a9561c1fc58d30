"""Keys in code, in the texts among a model's files, and in the record's own texts."""

import posixpath
import re
from functools import lru_cache
from typing import Any, BinaryIO, Callable, Iterable, Iterator, NamedTuple, Optional, Sequence

from modelkiln.canonical import canonical_json
from modelkiln.checks.traits.trait import HEADERS_ONLY
from modelkiln.lint.catalogue import secrets as rules
from modelkiln.lint.finding import LIKELY, SURE, Finding
from modelkiln.lint.rule import Rule
from modelkiln.lint.secrets import patterns
from modelkiln.lint.subject import ArtifactFile, SourceFile, Subject

__all__ = ["check"]

# Of a larger file its beginning is looked at, where headers and configurations lie; of weights the header alone.
_READ, _READ_OF_WEIGHTS = 4 << 20, 64 << 10
_TEXTS = frozenset(
    ".cfg .conf .ini .ipynb .js .json .key .md .pem .properties .py .sh .toml .txt .xml .yaml .yml".split()
)
_FILES = re.compile(
    r"\.env(?:\.[\w-]+)?|\.netrc|\.pypirc|\.npmrc|\.pgpass|\.git-credentials|\.dockercfg|kaggle\.json|id_(?:rsa|dsa|ecdsa|"
    r"ed25519)|.*\.(?:pem|key)\.enc|.*\.p12|.*\.pfx|.*\.jks|.*\.ppk"
)
_FOLDERS = re.compile(r"(?:.*/)?(?:\.aws/credentials|\.docker/config\.json|\.kube/config|\.huggingface/token)")
# A text without values: an example of one.
_EXAMPLES = (".example", ".sample", ".template", ".dist")
# Names that every tokenizer's configuration has: `pad_token`, `eos_token`; their values are no secrets.
_TOKENS = re.compile(
    r"(?:bos|cls|eos|eot|image|mask|pad|sep|sot|special|unk|user|video|audio|assistant|system)_?token", re.IGNORECASE
)
_BEGINNING = re.compile(rb"[\w-]*\Z")
_MAX_NAME, _MAX_LINE = 40, 400


def check(subject: Subject) -> Iterable[Finding]:
    """Yield what looks like a secret."""
    paths = [source.shown for source in subject.sources] + [file.path for file in subject.artifacts]
    for path in (*paths, *subject.other_files):
        if _is_of_credentials(path) and not path.endswith(_EXAMPLES):
            yield rules.CREDENTIALS_FILE.finding(path, "programs keep credentials in a file of this name")
    for source in subject.sources:
        yield from _of_source(source)
    for file in subject.artifacts:
        yield from _of_artifact(file)
    for key in ("entrypoint", "image", "metadata", "variant"):
        value = subject.record.get(key)
        if value:
            yield from _secrets("", canonical_json(_plain(value)), is_text=True, of=f"{key} of the record")


@lru_cache(maxsize=256)
def _of_source(source: SourceFile) -> tuple[Finding, ...]:
    """What is found in a file, which several packages may have."""
    return tuple(_secrets(source.shown, source.content, is_text=_has_no_nulls(source.content)))


@lru_cache(maxsize=256)
def _of_artifact(file: ArtifactFile) -> tuple[Finding, ...]:
    """What is found in a file, which is looked at with its artifact and with each package of that."""
    data = _beginning(file)
    return tuple(_secrets(file.path, data, is_text=_is_text(file.path, data))) if data else ()


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return {str(key): _plain(one) for key, one in value.items()} if hasattr(value, "items") else value


def _beginning(file: ArtifactFile) -> bytes:
    opener: Optional[Callable[[], BinaryIO]] = file.open
    if opener is None:
        return b""
    try:
        with opener() as stream:
            return stream.read(_READ if file.size <= HEADERS_ONLY else _READ_OF_WEIGHTS)
    except OSError:
        return b""


def _is_of_credentials(path: str) -> bool:
    return bool(_FILES.fullmatch(posixpath.basename(path)) or _FOLDERS.fullmatch(path))


def _is_text(path: str, data: bytes) -> bool:
    is_named_so = posixpath.splitext(path)[1].lower() in _TEXTS or _is_of_credentials(path)
    return is_named_so and _has_no_nulls(data)


def _has_no_nulls(data: bytes) -> bool:
    return b"\0" not in data[:1024]


class _Secret(NamedTuple):
    """span: of what is hidden. start: where it is shown to be. shown: what stands in its place."""

    rule: Rule
    start: int
    span: tuple[int, int]
    what: str
    shown: str
    certainty: str = SURE


def _secrets(path: str, data: bytes, is_text: bool, of: str = "") -> Iterator[Finding]:
    """Findings in some bytes. of: where else than in a file they lie."""
    where = f" in the {of}" if of else ""
    found = list(_found(data, is_text))
    for one in found:
        place = {} if of or not is_text else _place(data, one.start, found)
        yield one.rule.finding(path, f"{one.what}{where}: {one.shown}", certainty=one.certainty, **place)


def _found(data: bytes, is_text: bool) -> Iterator[_Secret]:
    seen = []
    for key in patterns.KEYS:
        if key.start in data:
            for match in key.pattern.finditer(data):
                if not patterns.is_placeholder(match[0][len(key.start) :].decode("ascii", "replace")):
                    seen.append(match.span())
                    yield _secret(rules.KEY, match, 0, f"a key of {key.service}")
    if b"PRIVATE KEY" in data:
        for match in patterns.PRIVATE_KEY.finditer(data):
            end, shown = patterns.private_key(data, match)
            seen.append((match.start(), end))
            yield _Secret(
                rules.PRIVATE_KEY, match.start(), (match.end(), end), f"a private key, {match[1].decode()}", shown
            )
    if not is_text:
        return
    if b"://" in data and b"@" in data:
        for match in patterns.URL.finditer(data):
            if not patterns.is_placeholder(match[1].decode("utf-8", "replace")):
                yield _secret(rules.IN_URL, match, 1, "a URL with a password")
    for match in _assignments(data):
        start, end = match.span(2)
        is_seen = any(first < end and start < last for first, last in seen)
        name, value = _name(data, match), match[2].decode("utf-8", "replace")
        is_value = patterns.is_random(value) or patterns.is_hexadecimal_key(name, value)
        if is_seen or not _is_secret(name) or not is_value:
            continue
        yield _secret(rules.ASSIGNED, match, 2, "what looks like a secret")._replace(certainty=LIKELY)


def _secret(rule: Rule, match: "re.Match[bytes]", group: int, what: str) -> _Secret:
    return _Secret(rule, match.start(), match.span(group), what, patterns.shown(match[group]))


def _assignments(data: bytes) -> Iterator["re.Match[bytes]"]:
    """What is assigned to names that end in one of `patterns.WORDS`, which are looked for first: it takes less time."""
    lowered = data.lower()
    for word in patterns.WORDS:
        start = lowered.find(word)
        while start >= 0:
            match = patterns.ASSIGNMENT.match(data, start)
            if match:
                yield match
            start = lowered.find(word, start + 1)


def _name(data: bytes, match: "re.Match[bytes]") -> str:
    """The whole name that a value is assigned to."""
    before = _BEGINNING.search(data, max(0, match.start() - _MAX_NAME), match.start())
    return (before[0] if before else b"").decode("utf-8", "replace") + match[1].decode()


def _is_secret(name: str) -> bool:
    return patterns.NAME.search(name) is not None and _TOKENS.search(name) is None


def _place(data: bytes, start: int, secrets: Sequence[_Secret]) -> dict[str, Any]:
    """Line, column, and the line's text with every secret cut out of it."""
    begin = data.rfind(b"\n", 0, start) + 1
    end = data.find(b"\n", start)
    end = len(data) if end < 0 else end
    return {
        "line": data.count(b"\n", 0, start) + 1,
        "column": len(data[begin:start].decode("utf-8", "replace")) + 1,
        "text": _hidden(data, begin, end, secrets) if end - begin < _MAX_LINE else "",
    }


def _hidden(data: bytes, begin: int, end: int, secrets: Sequence[_Secret]) -> str:
    parts, at = [], begin
    for first, last, shown in sorted((*one.span, one.shown) for one in secrets):
        if first < end and last > at:
            parts += [data[at : max(first, at)], shown.encode()]
            at = last
    return b"".join((*parts, data[at:end])).decode("utf-8", "replace").rstrip()
