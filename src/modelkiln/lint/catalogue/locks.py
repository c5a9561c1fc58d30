"""MK31x: what a lock, a base or a source leaves open."""

from modelkiln.lint.finding import ERROR, WARNING
from modelkiln.lint.rule import package_rule

__all__ = ["BASE", "HASHES", "INDEX", "RULES", "SOURCE", "URL", "VERSION"]


_HASH = f"--hash=sha256:{'0' * 63}1"
HASHES = package_rule(
    "MK311",
    "no-hashes",
    ERROR,
    "A requirement of the lock has no hash.",
    "An index, or a proxy, may give another file for the same version.",
    "Compile the lock with hashes: pip-compile --generate-hashes, or uv pip compile --generate-hashes.",
    "requirements: numpy==2.4.6\n",
    f"requirements: numpy==2.4.6 {_HASH}\n",
)
VERSION = package_rule(
    "MK312",
    "no-pin",
    ERROR,
    "A requirement of the lock does not name one version.",
    "The next build gets another one.",
    "Compile the requirements to a lock.",
    "requirements: numpy>=2\n",
    f"requirements: numpy==2.4.6 {_HASH}\n",
)
INDEX = package_rule(
    "MK313",
    "index-in-lock",
    WARNING,
    "The lock names a package index.",
    "Where packages come from is a property of the machine: mirrors differ, and an address may have a password. Hashes "
    "say what they are.",
    "Compile with --no-emit-index-url and --no-emit-find-links, and set the index in pip's configuration.",
    f"requirements: --extra-index-url https://packages.example.com/simple\nrequirements: numpy==2.4.6 {_HASH}\n",
    f"requirements: numpy==2.4.6 {_HASH}\n",
)
URL = package_rule(
    "MK314",
    "unpinned-url",
    ERROR,
    "A requirement comes from a repository or a URL without a commit or a hash.",
    "A branch moves, and a file behind a URL is replaced.",
    "Name a released version, or the commit: git+https://...@<40 hex digits>.",
    "requirements: net @ git+https://git.example.com/net.git@main\n",
    f"requirements: numpy==2.4.6 {_HASH}\n",
)
BASE = package_rule(
    "MK315",
    "base-by-tag",
    ERROR,
    "The base image is named by a tag and not by a digest.",
    "A tag is moved: the same package has another base tomorrow.",
    "Name the base by its digest: image@sha256:...",
    'record.base: {"image": "registry.example.com/python:3.11"}\n',
    f'record.base: {{"image": "registry.example.com/python@sha256:{"0" * 63}1"}}\n',
)
SOURCE = package_rule(
    "MK316",
    "source-without-revision",
    WARNING,
    "A model artifact comes from a source without a revision, or from a branch.",
    "The files are pinned by their hashes; where they came from cannot be found again.",
    "Lock the artifact with the revision: a commit, a version, or an object's version.",
    'record.sources: [{"target": "//:llm", "source": {"uri": "hf://acme/llm", "revision": "main"}}]\n',
    'record.sources: [{"target": "//:llm", "source": {"uri": "hf://acme/llm", '
    '"revision": "0123456789abcdef0123456789abcdef01234567"}}]\n',
)
RULES = (HASHES, VERSION, INDEX, URL, BASE, SOURCE)
