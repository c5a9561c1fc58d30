"""What a policy says of statements."""

import functools
import json
import os
from datetime import timedelta

import pytest
from attested.signing_keys import NOW, Authority, make_key

from modelkiln.attestation.bundle import REPOSITORY_LABEL, SIGN, FoundBundle
from modelkiln.attestation.judgement import Judged, judge
from modelkiln.attestation.policy import Policy
from modelkiln.attestation.signing.signer import Signer
from modelkiln.attestation.statement import Statement, Subject
from modelkiln.frozen_json import FrozenJson
from modelkiln.package.record import PACKAGE_LABEL

_DIGEST, _OTHER = ("sha256:" + digit * 64 for digit in "12")
_PACKAGE = "sha256:" + "3" * 64
_HERE = Judged("r.io/models/digits", _DIGEST, _PACKAGE)
_SBOM, _SLSA = "https://cyclonedx.org/bom", "https://slsa.dev/provenance/v1"
_TESTS = "https://in-toto.io/attestation/test-result/v0.1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Keys of two, and certificates of a third."""
    found = tmp_path_factory.mktemp("keys")
    for name in ("release", "stranger", "ci"):
        key = make_key(found, name)[2]
    Authority(found).issue(key, "ci")
    return found


class Said:
    """Statements that somebody signs, and a policy that judges them."""

    def __init__(self, folder):
        self._folder = folder
        self.bundle = functools.lru_cache(maxsize=None)(self._bundle)  # Each is a process.

    def _bundle(self, kind=SIGN, predicate="{}", signer="release", digest=_DIGEST, **stated):
        """A statement, signed by a key, or by the certificate of "ci". predicate: JSON."""
        annotations = {PACKAGE_LABEL: _PACKAGE, REPOSITORY_LABEL: _HERE.repository, **stated}
        statement = Statement.of((Subject("", digest, FrozenJson.of(annotations)),), kind, json.loads(predicate))
        certificates = (self._folder / "ci.crt", self._folder / "middle.crt") if signer == "ci" else ()
        made = Signer(self._folder / f"{signer}.pem", certificates=certificates)
        (bundle,) = made.sign([statement.to_bytes()], os.environ)[1]
        return FoundBundle(f"bundle {signer}", bundle.to_bytes(is_chain=True))

    def problems(self, *bundles, judged=_HERE, now=NOW, identities=("ci@example.com",), **rule):
        """What a policy of the signers release and ci says, without what it is called."""
        ci = {"authorities": "root.crt", "identities": list(identities)}
        described = {"repositories": ["r.io/models/*"], "signers": ["release", "ci"], **rule}
        content = {"signers": {"release": {"key": "release.pub"}, "ci": ci}, "rules": [described]}
        return judge(Policy.of(content, self._folder / "policy.toml"), judged, bundles, now).problems


@pytest.fixture(scope="module")
def said(folder):
    """Statements and a policy."""
    return Said(folder)


@pytest.mark.parametrize("signer", ["release", "ci"])
def test_one_of_the_signers_is_enough(said, signer):
    """By a key or by a certificate; what others have signed next to it changes nothing."""
    strangers = said.bundle(signer="stranger")
    assert () == said.problems(strangers, said.bundle(signer=signer))


def test_what_is_missing_is_called_missing(said):
    """Neither broken nor good: nothing refers to the package."""
    (problem,) = said.problems()
    assert "signature: is missing: nothing signed refers to the package. Who may sign: release, ci." == problem


def test_a_strangers_key_signs_nothing(said):
    """The reason names the bundle."""
    (problem,) = said.problems(said.bundle(signer="stranger"))
    assert problem.startswith("signature: none counts: bundle stranger: its signature is not by a key of release or ci")


def test_a_rule_of_another_repository_is_not_this_ones(said):
    """Who may sign there may not sign here."""
    judged = Judged("r.io/others/digits", _DIGEST, _PACKAGE)
    (problem,) = said.problems(said.bundle(), judged=judged)
    assert "has no rule for r.io/others/digits" in problem


def test_a_replayed_signature_is_about_something_else(said):
    """One of an earlier package's manifest, put next to this one."""
    (problem,) = said.problems(said.bundle(digest=_OTHER))
    assert f"is about {_OTHER}, and this is {_DIGEST}" in problem


def test_a_signature_covers_the_package_of_the_record(said):
    """A record that was exchanged next to what was signed is found; cosign's signatures name no package."""
    (problem,) = said.problems(said.bundle(**{PACKAGE_LABEL: _OTHER}))
    assert f"covers package {_OTHER}, and the record is of {_PACKAGE}" in problem


def test_a_signature_for_another_repository_counts_unless_the_rule_says_so(said):
    """Mirrors are allowed by default."""
    elsewhere = said.bundle(**{REPOSITORY_LABEL: "r.io/staging/digits"})
    assert () == said.problems(elsewhere)
    (problem,) = said.problems(elsewhere, this_repository=True)
    assert "is for r.io/staging/digits, and this is r.io/models/digits" in problem
    assert () == said.problems(said.bundle(), this_repository=True)


def test_a_changed_payload_is_not_what_was_signed(said):
    """One byte of it is enough."""
    bundle = said.bundle()
    changed = FoundBundle(bundle.where, bundle.data.replace(b'"payload":"eyJ', b'"payload":"eyB'))
    assert changed != bundle
    (problem,) = said.problems(changed)
    assert problem.startswith("signature: none counts: ")


def test_certificates_count_by_time_and_name(said):
    """One that has expired, one of a clock that is wrong, and one that names somebody else."""
    bundle = said.bundle(signer="ci")
    assert "has expired" in said.problems(bundle, now=NOW + timedelta(days=999))[0]
    assert "See that the clock is right" in said.problems(bundle, now=NOW - timedelta(days=999))[0]
    (problem,) = said.problems(bundle, identities=["*@other.com"])
    assert "its certificate names ci@example.com, CN=ci, and not whom ci stands for" in problem


def test_each_statement_that_is_required_has_to_be_signed(said):
    """An unknown predicate is required by its URI, and counts for nothing else."""
    own = "https://example.com/audit/v1"
    everything = {"require": ["signature", "sbom", "provenance", "test-result", own]}
    bundles = [
        said.bundle(),
        said.bundle(_SBOM),
        said.bundle(_SLSA),
        said.bundle(_TESTS, '{"result": "PASSED"}'),
        said.bundle(own),
    ]
    assert () == said.problems(*bundles, **everything)
    for number, name in enumerate(everything["require"]):
        (problem,) = said.problems(*bundles[:number], *bundles[number + 1 :], **everything)
        assert problem.startswith(f"{name}: is missing")


def test_provenance_is_of_the_builders_that_are_named(said):
    """Another builder's, and one that names none, count for nothing."""

    def built(builder):
        predicate = {"runDetails": {"builder": {"id": builder}}}
        return said.problems(
            said.bundle(_SLSA, json.dumps(predicate)), require=["provenance"], builders=["https://ci.com/*"]
        )

    assert () == built("https://ci.com/1")
    assert "was built by 'https://evil.com/1'" in built("https://evil.com/1")[0]
    assert "was built by None" in built(None)[0]


@pytest.mark.parametrize("predicate", [{"result": "FAILED"}, {"result": ["PASSED"]}, {}])
def test_tests_that_did_not_pass_count_for_nothing(said, predicate):
    """Whatever else the result is."""
    (problem,) = said.problems(said.bundle(_TESTS, json.dumps(predicate)), require=["test-result"])
    assert "the result of its tests is" in problem


def test_a_signed_statement_of_another_kind_is_no_signature(said):
    """A signed bill of materials does not say that its signer releases the package."""
    (problem,) = said.problems(said.bundle(_SBOM))
    assert problem.startswith("signature: is missing")


def test_what_cannot_be_read_is_named(said):
    """Broken bundles don't hide what is missing, and don't hide what is good."""
    broken = FoundBundle("bundle broken", b"{}")
    (problem,) = said.problems(broken)
    assert "bundle broken: is a bundle of type None" in problem
    assert () == said.problems(broken, said.bundle())


def test_one_message_has_few_reasons(said):
    """A thousand strangers make no page of text."""
    (problem,) = said.problems(*[said.bundle(signer="stranger")] * 1000)
    assert "; and 997 more" in problem
    assert len(problem) < 600
