"""Policies, as files."""

import pytest
from attested.signing_keys import Authority, make_key
from schemas import schema_problems

from modelkiln.attestation.policy import Policy, matches
from modelkiln.errors import ModelkilnError

_RULE = {"repositories": ["registry.example.com/**"], "signers": ["release"]}
_POLICY = {"signers": {"release": {"key": "key.pub"}}, "rules": [_RULE]}
_CI = {"authorities": "root.crt", "identities": ["*@example.com"]}
_ROOT = {"trusted_root": "root.crt", "identities": ["*"], "issuers": ["https://ci.example.com"]}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Where a policy may lie, with a key and an authority."""
    folder = tmp_path_factory.mktemp("policy")
    make_key(folder)
    Authority(folder)
    return folder / "policy.toml"


def test_a_policy_is_read(path):
    """Files are relative to it; it warns, and wants a signature, unless it says otherwise."""
    path.write_text("""
        [signers.release]
        key = "key.pub"

        [signers.ci]
        authorities = "root.crt"
        identities = ["*@example.com"]

        [[rules]]
        repositories = ["registry.example.com/models/*"]
        signers = ["release", "ci"]
        """)
    policy = Policy.load(path)
    rule = policy.rule_for("registry.example.com/models/digits")
    assert ("warn", ("signature",), False) == (policy.mode, rule.require, rule.this_repository)
    assert ["release", "ci"] == [one.name for one in rule.signers]
    assert ("*@example.com",) == rule.signers[1].identities


def test_the_first_rule_that_names_a_repository_is_its_own(path):
    """A repository that none names is refused, and a layout has a rule where one is for all."""
    rules = [{**_RULE, "repositories": ["r.io/a/*"]}, {**_RULE, "repositories": ["r.io/**"], "require": ["sbom"]}]
    policy = Policy.of({**_POLICY, "rules": rules}, path)
    assert ("signature",) == policy.rule_for("r.io/a/b").require
    assert ("sbom",) == policy.rule_for("r.io/a/b/c").require
    with pytest.raises(ModelkilnError, match="has no rule for s.io/a"):
        policy.rule_for("s.io/a")
    with pytest.raises(ModelkilnError, match="Say with --repository"):
        policy.rule_for("")
    everywhere = {**_POLICY, "rules": [{**_RULE, "repositories": ["**"]}]}
    assert ("signature",) == Policy.of(everywhere, path).rule_for("").require


@pytest.mark.parametrize(
    "text, pattern, expected",
    [
        ("r.io/a/b", "r.io/*/b", True),
        ("r.io/a/b/c", "r.io/*", False),
        ("r.io/a/b/c", "r.io/**", True),
        ("rXio/a", "r.io/a", False),
        ("r.io/a\n", "r.io/a", False),
        ("evil.example.com/r.io/a", "r.io/a", False),
        ("ci@example.com", "*@example.com", True),
        ("ci@example.com.evil.net", "*@example.com", False),
        ("r.io/", "r.io/*", True),
        ("r.io", "r.io**", True),
        ("", "**", True),
        ("", "*", True),
        ("", "a", False),
        ("r.io/a/b", "***", True),
        ("r.io/aab/x", "**a*b/*", True),
        ("r.io/a/b/x", "**a*b/*", False),
    ],
)
def test_patterns_stand_for_whole_texts(text, pattern, expected):
    """One star stays within a part of a path; what is not a star is itself."""
    assert expected == matches(text, pattern)


def test_patterns_of_many_stars_end():
    """Names in certificates are an attacker's: no pattern takes more steps than the text has characters."""
    assert not matches("a" * 5000, "**a" * 200 + "b")
    assert matches("a" * 5000 + "b", "**a*" * 200 + "b")


@pytest.mark.parametrize(
    "content, reason",
    [
        ({**_POLICY, "mode": "strict"}, "mode 'strict' is not one of off, warn, enforce"),
        ({**_POLICY, "rule": []}, "'rule' is not a key of a policy"),
        ({**_POLICY, "rules": []}, "has no rules"),
        ({**_POLICY, "rules": {}}, "is not a list of tables"),
        ({**_POLICY, "signers": {"release": {}}}, "signers.release: want one of `key`, `authorities`"),
        ({**_POLICY, "signers": {"release": {**_CI, "key": "key.pub"}}}, "want one of `key`, `authorities`"),
        ({**_POLICY, "signers": {"release": {"key": "key.pub", "issuers": ["*"]}}}, "`issuers` goes with"),
        ({**_POLICY, "signers": {"release": {**_CI, "timestamp_authorities": "key.pub"}}}, "no certificates in PEM"),
        ({**_POLICY, "signers": {"release": {**_CI, "timestamp_authorities": 7}}}, "7 is not the name of a file"),
        ({**_POLICY, "signers": {"release": {**_ROOT, "issuers": []}}}, "needs `issuers`"),
        ({**_POLICY, "signers": {"release": {**_ROOT, "trusted_root": "none"}}}, "none: No such file"),
        ({**_POLICY, "signers": {"release": {**_ROOT, "timestamp_authorities": "root.crt"}}}, "has its own"),
        ({**_POLICY, "signers": {"release": {"key": "no.pub"}}}, r"no\.pub: No such file.*relative to the policy"),
        ({**_POLICY, "signers": {"release": {"key": "root.crt"}}}, "is not a public key"),
        ({**_POLICY, "signers": {"release": {"key": "key.pem"}}}, "holds a private key"),
        ({**_POLICY, "signers": {"release": {"authorities": "root.crt"}}}, "lacks `identities`"),
        ({**_POLICY, "signers": {"release": {"key": "key.pub", "identities": ["a"]}}}, "its own identity"),
        ({**_POLICY, "rules": [{**_RULE, "signers": ["nobody"]}]}, r"rules\[0\]: signers .*\(release\)"),
        ({**_POLICY, "rules": [{**_RULE, "signers": []}]}, r"rules\[0\]: signers \[\]"),
        ({**_POLICY, "rules": [{**_RULE, "repositories": []}]}, "lacks `repositories`"),
        ({**_POLICY, "rules": [{**_RULE, "require": ["bom"]}]}, "want some of signature, sbom"),
        ({**_POLICY, "rules": [{**_RULE, "require": []}]}, "want some of signature, sbom"),
        ({**_POLICY, "rules": [{**_RULE, "builders": ["*"]}]}, 'Add "provenance"'),
        ({**_POLICY, "rules": [{**_RULE, "this_repository": "yes"}]}, "want true or false"),
    ],
)
def test_a_policy_that_says_nothing_sure_is_refused(path, content, reason):
    """Unknown keys, names and modes, and rules without signers, are an error that says where."""
    with pytest.raises(ModelkilnError, match=reason):
        Policy.of(content, path)


@pytest.mark.parametrize("text, reason", [("mode = warn", ""), (f"x = {'[' * 20_000}", "it is nested too deeply")])
def test_a_file_that_is_not_toml_is_refused(path, text, reason):
    """The error names it."""
    path.write_text(text)
    with pytest.raises(ModelkilnError, match=rf"policy.toml: cannot be read as a policy \({reason}"):
        Policy.load(path)


def test_the_schema_describes_policies():
    """docs/schemas/policy.json takes what is read, and refuses other keys, modes and empty lists."""
    rule = {**_RULE, "require": ["signature", "https://example.com/x"], "builders": ["*"], "this_repository": True}
    ci = {"authorities": "root.crt", "identities": ["*@example.com"]}
    timed = {**ci, "timestamp_authorities": "root.crt", "issuers": ["https://ci.example.com"]}
    signers = {"release": {"key": "key.pub"}, "ci": ci, "timed": timed, "keyless": _ROOT}
    good = {"mode": "enforce", "signers": signers, "rules": [rule]}
    assert [] == schema_problems("policy", good) == schema_problems("policy", _POLICY)
    for bad in (
        {**good, "mode": "strict"},
        {**good, "rules": []},
        {**good, "rules": [{**rule, "require": ["bom"]}]},
        {**good, "rules": [{**rule, "x": 1}]},
        {**good, "signers": {"ci": {"authorities": "root.crt"}}},
        {**good, "signers": {"ci": {**ci, "key": "key.pub"}}},
        {**good, "signers": {"ci": {**_ROOT, "timestamp_authorities": "root.crt"}}},
        {**good, "signers": {"ci": {"trusted_root": "root.json", "identities": ["*"]}}},
    ):
        assert [] != schema_problems("policy", bad)
