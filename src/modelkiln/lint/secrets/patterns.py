"""What keys look like. Sources: the services' documents, and the rules of GitHub's secret scanning and of gitleaks."""

import math
import re
from collections import Counter
from typing import NamedTuple

__all__ = [
    "ASSIGNMENT",
    "KEYS",
    "NAME",
    "PRIVATE_KEY",
    "URL",
    "WORDS",
    "Key",
    "is_hexadecimal_key",
    "is_placeholder",
    "is_random",
    "private_key",
    "shown",
]


class Key(NamedTuple):
    """service: whose it is. start: what every one begins with, which is looked for first."""

    service: str
    start: bytes
    pattern: "re.Pattern[bytes]"


def _key(service: str, start: str, rest: str) -> Key:
    # Weights in base64 have every sequence of letters: a key stands by itself, or after `NAME=`.
    text = rf"(?<![A-Za-z0-9+/_-]){re.escape(start)}{rest}(?![A-Za-z0-9+/_=-])"
    return Key(service, start.encode(), re.compile(text.encode()))


KEYS = (
    _key("AWS", "AKIA", r"[A-Z2-7]{16}"),
    _key("AWS", "ASIA", r"[A-Z2-7]{16}"),
    _key("Anthropic", "sk-ant-", r"[\w-]{32,}"),
    _key("Databricks", "dapi", r"[0-9a-f]{32}(?:-\d)?"),
    _key("DigitalOcean", "dop_v1_", r"[0-9a-f]{64}"),
    _key("GitHub", "ghp_", r"[A-Za-z0-9]{36}"),
    _key("GitHub", "gho_", r"[A-Za-z0-9]{36}"),
    _key("GitHub", "ghs_", r"[A-Za-z0-9]{36}"),
    _key("GitHub", "github_pat_", r"[A-Za-z0-9_]{82}"),
    _key("GitLab", "glpat-", r"[A-Za-z0-9_-]{20,}"),
    _key("Google", "AIza", r"[A-Za-z0-9_-]{35}"),
    _key("Groq", "gsk_", r"[A-Za-z0-9]{52}"),
    _key("Hugging Face", "hf_", r"[A-Za-z]{34}"),
    _key("NVIDIA", "nvapi-", r"[\w-]{60,}"),
    _key("OpenAI", "sk-proj-", r"[\w-]{40,}"),
    _key("OpenAI", "sk-", r"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    _key("PyPI", "pypi-AgEI", r"[\w-]{50,}"),
    _key("Replicate", "r8_", r"[A-Za-z0-9]{37}"),
    _key("SendGrid", "SG.", r"[\w-]{22}\.[\w-]{43}"),
    _key("Slack", "xoxb-", r"\d{10,}-\d{10,}-[A-Za-z0-9]{20,}"),
    _key("Stripe", "sk_live_", r"[A-Za-z0-9]{24,}"),
    _key("npm", "npm_", r"[A-Za-z0-9]{36}"),
)
# RFC 7468, and the older forms with headers, of OpenPGP too; in JSON a line ends in two characters. A text about keys
# has no body.
PRIVATE_KEY = re.compile(
    rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----(?=(?:\\+[nr]|\s)+"
    rb"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID): |[A-Za-z0-9+/]{16}))"
)
_BODY = re.compile(rb"(?:\\+[nr]|[A-Za-z0-9+/=\s])*")
_LINE_ENDS = re.compile(rb"\\+[nr]|\s")
_LARGEST_BODY = 64 << 10
URL = re.compile(rb"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>{}$]{1,64}:([^\s/:@\"'<>{}$]{3,128})@[\w.-]+")
# `name = "value"`, `"name": "value"`, `name: 'value'`; what the name begins with is looked at where it matters.
WORDS = (b"key", b"passwd", b"password", b"secret", b"token")
ASSIGNMENT = re.compile(rb"""(?i)(key|passwd|password|secret|token)["']?\s*[:=]\s*["']([^\s"']{12,128})["']""")
NAME = re.compile(
    r"(?:api|access|auth|client|private|secret)[_-]?(?:key|token|secret)$|passwd$|password$|secret$|token$", re.I
)
_SERVICE_KEY = re.compile(r"(?:api|app|access|secret|subscription)[_-]?(?:key|secret)$", re.I)
_PLACEHOLDER = re.compile(
    r"(?i)x{4,}|\*{3,}|\.{3}|<.*>|\$\{|\{\{|%\(|changeme|change-me|dummy|example|fake|foobar|insert|none|null|password|"
    r"placeholder|redacted|replace|sample|secret|test|todo|token|your"
)
_HEX = re.compile(r"(?:sha\d+[:-])?[0-9a-f]+|[0-9]+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# Bits of a character: words have less than 3, and random letters and digits above 3.3 from twelve on.
_RANDOM = 3.2
# From letters to digits, or from small ones to capitals: words with a number have one or two.
_CHANGES = 4


def is_placeholder(value: str) -> bool:
    """Return whether a value stands for one that somebody has to fill in."""
    return _PLACEHOLDER.search(value) is not None or len(set(value)) < 5


def is_random(value: str) -> bool:
    """Return whether a value looks like a key: letters and digits mixed, without order, and not a hash or a number."""
    if _HEX.fullmatch(value) or is_placeholder(value):
        return False
    kinds = [("a" if one.islower() else "A" if one.isupper() else "0" if one.isdigit() else "-") for one in value]
    changes = sum(first != second for first, second in zip(kinds, kinds[1:]))
    counts = Counter(value).values()
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return "0" in kinds and "/" not in value and changes >= _CHANGES and entropy >= _RANDOM


def is_hexadecimal_key(name: str, value: str) -> bool:
    """Return whether a value is in hexadecimal as many services' keys are, and the name says that it is no hash."""
    digits = value.lower()
    is_key = _SERVICE_KEY.search(name) is not None and re.fullmatch(r"[0-9a-f]{32,128}", digits) is not None
    return is_key and len(set(digits)) > 9 and "01234567" not in digits and "abcdef0" not in digits


def private_key(data: bytes, match: "re.Match[bytes]") -> tuple[int, str]:
    """Return where the private key ends that a match of PRIVATE_KEY begins, and its length, as messages show it: each
    character of a key that others see makes the rest easier to find."""
    end = data.find(b"-----END", match.end(), match.end() + _LARGEST_BODY)
    body = _BODY.match(data, match.end(), match.end() + _LARGEST_BODY)
    end = end if end >= 0 else body.end() if body else match.end()
    length = len(_LINE_ENDS.sub(b"", data[match.end() : end]))
    return end, f"... ({length} characters)"


def shown(value: bytes) -> str:
    """Return a key as messages show it: its first characters and its length."""
    text = value.decode("utf-8", "replace")
    start = text[: min(6, len(text) // 4)]
    return f"{start if start.isprintable() else ''}... ({len(text)} characters)"
