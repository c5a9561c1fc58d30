"""Keys in code, in the texts among a model's files, and in the record's own texts."""

import posixpath
import re
from typing import Any, BinaryIO, Callable, Iterable, Iterator, Optional

from modelkiln.canonical import canonical_json
from modelkiln.checks.traits.trait import HEADERS_ONLY
from modelkiln.lint.catalogue import secrets as rules
from modelkiln.lint.finding import LIKELY, Finding
from modelkiln.lint.secrets import patterns
from modelkiln.lint.subject import ArtifactFile, Subject

__all__ = ["check"]

# Of a larger file its beginning is looked at, where headers and configurations lie; of weights the header alone.
_READ, _READ_OF_WEIGHTS = 4 << 20, 64 << 10
_TEXTS = frozenset(".cfg .conf .env .ini .ipynb .js .json .md .properties .py .sh .toml .txt .yaml .yml".split())
_FILES = re.compile(
    r"\.env(?:\.[\w-]+)?|\.netrc|\.pypirc|\.npmrc|\.pgpass|\.git-credentials|\.dockercfg|kaggle\.json|id_(?:rsa|dsa|ecdsa|"
    r"ed25519)|.*\.(?:pem|key)\.enc|.*\.p12|.*\.pfx|.*\.jks"
)
_FOLDERS = re.compile(r"(?:.*/)?(?:\.aws/credentials|\.docker/config\.json|\.kube/config|\.huggingface/token)")
# A text without values: an example of one.
_EXAMPLES = (".example", ".sample", ".template", ".dist")
# Names that every tokenizer's configuration has: `pad_token`, `eos_token`; their values are no secrets.
_TOKENS = re.compile(
    r"(?:bos|cls|eos|eot|image|mask|pad|sep|sot|special|unk|user|video|audio|assistant|system)_?token", re.IGNORECASE
)
_BEGINNING = re.compile(rb"[\w-]*\Z")
_MAX_NAME = 40


def check(subject: Subject) -> Iterable[Finding]:
    """Yield what looks like a secret."""
    for source in subject.sources:
        yield from _secrets(source.shown, source.content, is_text=True)
    for file in subject.artifacts:
        name = posixpath.basename(file.path)
        if (_FILES.fullmatch(name) or _FOLDERS.fullmatch(file.path)) and not name.endswith(_EXAMPLES):
            yield rules.CREDENTIALS_FILE.finding(file.path, "programs keep credentials in a file of this name")
        data = _beginning(file)
        if data:
            yield from _secrets(file.path, data, is_text=_is_text(file.path, data))
    for key in ("entrypoint", "image", "metadata", "variant"):
        value = subject.record.get(key)
        if value:
            yield from _secrets("", canonical_json(_plain(value)), is_text=True, of=f"{key} of the record")


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


def _is_text(path: str, data: bytes) -> bool:
    return posixpath.splitext(path)[1].lower() in _TEXTS and b"\0" not in data[:1024]


def _secrets(path: str, data: bytes, is_text: bool, of: str = "") -> Iterator[Finding]:
    """Findings in some bytes. of: where else than in a file they lie."""
    where = f" in the {of}" if of else ""

    def found(rule: Any, match: "re.Match[bytes]", what: str, value: bytes, **more: Any) -> Finding:
        place = {} if of or not is_text else _place(data, match.start(), value)
        return rule.finding(path, f"{what}{where}: {patterns.shown(value)}", **place, **more)

    seen = []
    for key in patterns.KEYS:
        if key.start in data:
            for match in key.pattern.finditer(data):
                if not patterns.is_placeholder(match[0][len(key.start) :].decode("ascii", "replace")):
                    seen.append(match.span())
                    yield found(rules.KEY, match, f"a key of {key.service}", match[0])
    if b"PRIVATE KEY-----" in data:
        for match in patterns.PRIVATE_KEY.finditer(data):
            yield found(rules.PRIVATE_KEY, match, "a private key", match[0].partition(b"KEY-----")[2])
    if not is_text:
        return
    if b"://" in data and b"@" in data:
        for match in patterns.URL.finditer(data):
            if not patterns.is_placeholder(match[1].decode("utf-8", "replace")):
                yield found(rules.IN_URL, match, "a URL with a password", match[1])
    for match in _assignments(data):
        start, end = match.span(2)
        is_seen = any(first < end and start < last for first, last in seen)
        if is_seen or not _is_secret(_name(data, match)) or not patterns.is_random(match[2].decode("utf-8", "replace")):
            continue
        yield found(rules.ASSIGNED, match, "what looks like a secret", match[2], certainty=LIKELY)


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


def _place(data: bytes, start: int, value: bytes) -> dict[str, Any]:
    """Line, column, and the line's text with the value cut out of it."""
    begin = data.rfind(b"\n", 0, start) + 1
    end = data.find(b"\n", start)
    line = data[begin : len(data) if end < 0 else end]
    hidden = line.replace(value, patterns.shown(value).encode()) if len(line) < 400 else b""
    column = len(data[begin:start].decode("utf-8", "replace")) + 1
    return {
        "line": data.count(b"\n", 0, start) + 1,
        "column": column,
        "text": hidden.decode("utf-8", "replace").rstrip(),
    }
