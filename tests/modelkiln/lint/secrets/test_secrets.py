"""Keys are found, and what only looks like one is not."""

import base64
import hashlib
import io
import json
import random
import string
from functools import partial

import pytest

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.linter import lint
from modelkiln.lint.secrets.patterns import KEYS, is_random
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import ArtifactFile, SourceFile, Subject

SECRETS = Selection(("secrets",))
# In two parts, so that no scanner takes this file for one that has them.
HUGGING_FACE = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"
OTHERS = [
    "AKIA" + "IOSFODNN7ABCDEFG",
    "ghp_" + "0123456789abcdefghijABCDEFGHIJ456789",
    "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "sk-ant-" + "api03-0123456789abcdefghijABCDEFGHIJ",
    "xoxb-" + "123456789012-123456789012-abcdefghijABCDEFGHIJ",
]


def in_code(text):
    """What is found in an inference script."""
    return lint(Subject("//:m", (SourceFile("a.py", text.encode()),)), SECRETS)


def in_file(path, data):
    """What is found in a file of an artifact."""
    return lint(Subject("//:m", artifacts=(ArtifactFile(path, len(data), open=partial(io.BytesIO, data)),)), SECRETS)


@pytest.mark.parametrize("key", [HUGGING_FACE, *OTHERS])
def test_a_key_is_found_by_its_format(key):
    """In code with its place, in configurations, in weights; it is never shown whole."""
    (finding,) = in_code(f'\nTOKEN = "{key}"\n')
    assert ("MK601", ERROR, 2, 10) == (finding.rule, finding.severity, finding.line, finding.column)
    assert key not in str(finding.to_json()) and key[:4] in finding.message
    assert ["MK601"] == [one.rule for one in in_file("config.json", json.dumps({"a": key}).encode())]
    assert ["MK601"] == [one.rule for one in in_file("model.bin", bytes(range(256)) + key.encode() + b"\0")]


def test_a_key_in_the_record_is_found():
    """In what the target declares."""
    record = {"metadata": {"note": HUGGING_FACE}, "variant": {"env": {"A": "b"}}}
    (finding,) = lint(Subject("//:m", record=record), SECRETS)
    assert ("MK601", "") == (finding.rule, finding.path)
    assert "metadata of the record" in finding.message


@pytest.mark.parametrize(
    "text",
    [
        'password = "kD9' + 'x2LmQp7vR4tZ"',
        '"api_key": "9f' + 'Qx71LmZp0vR4tK"',
        "secret_key: 'Zx8" + "Lm2Qp7vR4tK9d'",
        f"access_key: '{hashlib.md5(b'a').hexdigest()}'",
        f'"secret_key": "{hashlib.sha256(b"a").hexdigest()}"',
    ],
)
def test_a_value_that_looks_random_is_likely(text):
    """Under a name that says so: a warning."""
    assert [("MK604", WARNING)] == [(one.rule, one.severity) for one in in_file("settings.yaml", text.encode())]


@pytest.mark.parametrize(
    "text",
    [
        'password = "changeme-please1"',
        'token = os.environ["HF_TOKEN"]',
        'api_key = "your-api-key-here-123"',
        '"pad_token": "<|endoftext|>1A2b3C4d"',
        'password = "correct horse battery"',
        f'token = "{hashlib.sha256(b"").hexdigest()}"',
        f'key = "{hashlib.sha256(b"").hexdigest()}"',
        'api_key = "0123456789abcdef0123456789abcdef"',
        'api_key = "00000000000000000000000000000000"',
        'secret = "aaaaaaaaaaaaaaaa1"',
        'url = "postgres://user:password@localhost/db"',
        'url = "https://example.com:8080/a@b"',
        'key = "hf_' + "x" * 34 + '"',
    ],
)
def test_what_is_no_secret_is_not_found(text):
    """Placeholders, names of the environment, tokens of tokenizers, hashes."""
    assert () == in_code(text)
    assert () == in_file("settings.yaml", text.encode())


def test_vocabularies_locks_and_weights_are_quiet():
    """A hundred thousand random tokens, a lock's hashes, and megabytes of base64."""
    some = random.Random(0)
    letters = string.ascii_letters + string.digits + "_-./+="
    words = {"".join(some.choices(letters, k=some.randint(2, 60))): number for number in range(100_000)}
    assert () == in_file("tokenizer.json", json.dumps({"model": {"vocab": words}, "pad_token": "[PAD]"}).encode())
    lock = "".join(f"a{n}==1 --hash=sha256:{hashlib.sha256(b'%d' % n).hexdigest()}\n" for n in range(5000))
    assert () == in_file("requirements.txt", lock.encode())
    assert () == in_file("weights.json", json.dumps({"w": base64.b64encode(some.randbytes(3 << 20)).decode()}).encode())


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n",
        '{"private_key": "-----BEGIN PRIVATE' + ' KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQ"}',
        "-----BEGIN EC PRIVATE" + " KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n",
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE" + " KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n",
        "-----BEGIN PGP PRIVATE" + " KEY BLOCK-----\n\nMIIEvQIBADANBgkqhkiG9w0BAQ\n",
    ],
)
def test_a_private_key(text):
    """With its body, of which nothing is shown."""
    (finding,) = in_file("account.json", text.encode())
    assert "MK602" == finding.rule
    assert "MII" not in str(finding.to_json())


def test_of_a_private_key_kind_and_length_are_shown():
    """Also where all of it stands on one line, beside another key."""
    key = "-----BEGIN EC PRIVATE" + f" KEY-----\\n{'aB3/' * 16}\\n{'xY9+' * 8}\\n-----END EC PRIVATE KEY-----"
    first, second = in_file("a.json", f'{{"key": "{key}", "token": "{HUGGING_FACE}"}}'.encode())
    assert ("MK602", "a private key, EC PRIVATE KEY: ... (96 characters)") == (first.rule, first.message)
    assert first.text == second.text
    assert '{"key": "-----BEGIN EC PRIVATE KEY-----... (96 characters)-----END' in first.text
    assert "aB3" not in first.text and HUGGING_FACE not in first.text


def test_a_text_about_private_keys_is_none():
    """It has no body."""
    assert () == in_file("README.md", b"The file begins with -----BEGIN PRIVATE" + b" KEY-----, and ends")


@pytest.mark.parametrize("name", [".env", "a/.netrc", "kaggle.json", ".aws/credentials"])
def test_files_of_credentials(name):
    """By their names, whatever is in them."""
    assert ["MK605"] == [one.rule for one in in_file(name, b"x")]
    assert ["MK605"] == [one.rule for one in lint(Subject("//:m", (SourceFile(name, b"x"),)), SECRETS)]
    assert ["MK605"] == [one.rule for one in lint(Subject("//:m", other_files=(name,)), SECRETS)]


@pytest.mark.parametrize("name", [".env", ".env.local", "server.key"])
def test_files_of_credentials_are_texts(name):
    """What is assigned there is looked at, and has a line."""
    found = in_file(name, f"A=1\nGITHUB_TOKEN={OTHERS[1]}\n".encode())
    assert [("MK601", 2)] == [(one.rule, one.line) for one in found if one.rule == "MK601"]


def test_an_example_of_an_environment_is_no_credential():
    """It has no values."""
    assert () == in_file(".env.example", b"TOKEN=")


def test_words_are_not_random():
    """And keys are."""
    assert not is_random("correcthorsebattery1")
    assert not is_random("models/weights-v2.bin")
    assert is_random("kD9x2LmQp7vR4tZ")


def test_every_key_has_a_beginning_to_look_for():
    """Without it, every file would be searched for all patterns."""
    assert all(len(key.start) > 2 for key in KEYS)
