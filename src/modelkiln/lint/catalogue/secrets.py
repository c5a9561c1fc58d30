"""MK6xx: keys and tokens that travel with a package."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import Rule

__all__ = ["ASSIGNED", "CREDENTIALS_FILE", "IN_URL", "KEY", "PRIVATE_KEY", "RULES"]

_HAVE_IT = (
    "Every consumer of the package has it, and so does every cache and mirror; a later version without it takes "
    "nothing back."
)
_WHY = f"{_HAVE_IT} What is found is shown by its first characters alone."
_REMEDY = "Revoke it, and have the program read it from its environment or a mounted file when it runs."
# In two parts, so that this file has none.
_BAD_KEY = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"

KEY = Rule(
    "MK601",
    "key",
    ERROR,
    "There is a key or a token of a known service, by its format.",
    _WHY,
    _REMEDY,
    bad=f'TOKEN = "{_BAD_KEY}"\n',
    good='import os\n\nTOKEN = os.environ["HF_TOKEN"]\n',
)
PRIVATE_KEY = Rule(
    "MK602",
    "private-key",
    ERROR,
    "There is a private key.",
    f"{_HAVE_IT} Of what is found the kind and the length are shown, and nothing else.",
    _REMEDY,
    bad='models/account.json: {"private_key": "-----BEGIN ' + 'PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B..."}\n',
    good="models/server.pem: -----BEGIN CERTIFICATE-----\n",
    language="package",
)
IN_URL = Rule(
    "MK603",
    "password-in-url",
    ERROR,
    "A URL has a password.",
    _WHY,
    _REMEDY,
    bad='STORE = "postgres://ada:' + 'c0rrect-h0rse@db.example.com/models"\n',
    good='STORE = "postgres://db.example.com/models"\n',
)
ASSIGNED = Rule(
    "MK604",
    "assigned-secret",
    WARNING,
    "A name such as password or api_key has a value that looks random.",
    f"{_WHY} Found by the name and by how random the value looks, so that the rule is not sure.",
    _REMEDY,
    bad='password = "kD9' + 'x2LmQp7vR4tZ"\n',
    good='password = "changeme"\n',
)
CREDENTIALS_FILE = Rule(
    "MK605",
    "credentials-file",
    ERROR,
    "There is a file in which a program keeps credentials: .env, .netrc, .pypirc, kaggle.json, id_rsa.",
    _WHY,
    "Leave the file out, and revoke what is in it if the package was published.",
    bad="models/.netrc: machine example.com\n",
    good="models/config.json: {}\n",
    language="package",
)
RULES = (KEY, PRIVATE_KEY, IN_URL, ASSIGNED, CREDENTIALS_FILE)
