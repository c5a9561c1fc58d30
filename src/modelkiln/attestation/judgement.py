"""What a policy says of a package: which of its statements count, and what is missing."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Mapping, Optional, Sequence

from modelkiln.attestation.bundle import REPOSITORY_LABEL, Bundle, FoundBundle
from modelkiln.attestation.policy import Policy, Rule, TrustedSigner, is_named, matches
from modelkiln.attestation.signing.certificates import Identity, verify_chain
from modelkiln.attestation.signing.sigstore import verify_keyless
from modelkiln.attestation.signing.timestamps import stamped_at
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement
from modelkiln.errors import ModelkilnError
from modelkiln.package.record import PACKAGE_LABEL

__all__ = [
    "Judgement",
    "Judged",
    "accepted_signer",
    "judge",
    "read_signed",
    "signer_of",
]

# Its certificate was valid for minutes.
_KEYLESS = "{}: is keyless: it counts for signers with `trusted_root` or `timestamp_authorities`"
# Reasons in one message.
_SHOWN = 3


@dataclass(frozen=True)
class Judged:
    """What was signed. repository: "registry/name", or "". digest: of the manifest or index. package_digest: of the
    record that was found with it or in it, or ""."""

    repository: str
    digest: str
    package_digest: str = ""


@dataclass(frozen=True)
class Judgement:
    """problems: what the policy wants and is not so. accepted: what counts, and whose it is."""

    problems: tuple[str, ...]
    accepted: tuple[str, ...]


@dataclass
class _Sorted:
    """Bundles by what came of them. refused: reasons, by the type of the predicate, "" where it is not known."""

    accepted: list[tuple[Statement, TrustedSigner]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def judge(policy: Policy, judged: Judged, bundles: Sequence[FoundBundle], now: Optional[datetime] = None) -> Judgement:
    """Return what the policy says of a package with these bundles. now: this moment, for certificates."""
    try:
        rule = policy.rule_for(judged.repository)
    except ModelkilnError as error:
        return Judgement((str(error),), ())
    found = _Sorted()
    for bundle in bundles:
        _sort(bundle, judged, rule, now, found)
    problems, accepted = [], []
    for name in rule.require:
        own = [(one, signer) for one, signer in found.accepted if is_named(one.predicate_type, name)]
        if own:
            accepted += [f"{name} by {signer.name}" for _, signer in own]
            continue
        reasons = [reason for kind, reason in found.refused if not kind or is_named(kind, name)]
        problems.append(_sentence(name, reasons, rule))
    return Judgement(tuple(problems), tuple(dict.fromkeys(accepted)))


def _sentence(name: str, reasons: Sequence[str], rule: Rule) -> str:
    who = ", ".join(signer.name for signer in rule.signers)
    if not reasons:
        return f"{name}: is missing: nothing signed refers to the package. Who may sign: {who}."
    more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return f"{name}: none counts: {'; '.join(reasons[:_SHOWN])}{more}. Who may sign: {who}."


def _sort(found: FoundBundle, judged: Judged, rule: Rule, now: Optional[datetime], into: _Sorted) -> None:
    kind = ""
    try:
        bundle, statement = read_signed(found)
        kind = statement.predicate_type
        into.accepted.append((statement, accepted_signer(bundle, statement, judged, rule, found.where, now)))
    except ModelkilnError as error:
        into.refused.append((kind, str(error).rstrip(".")))


def read_signed(found: FoundBundle) -> tuple[Bundle, Statement]:
    """Return a bundle and its statement, of which nothing is verified; raises ModelkilnError for another thing."""
    if found.problem:
        raise ModelkilnError(found.problem)
    bundle = Bundle.read(found.data, found.where)
    if bundle.payload_type != PAYLOAD_TYPE:
        raise ModelkilnError(f"{found.where}: its payload is a {bundle.payload_type!r}, not a statement")
    return bundle, Statement.read(bundle.payload, found.where)


def accepted_signer(
    bundle: Bundle, statement: Statement, judged: Judged, rule: Rule, where: str, now: Optional[datetime] = None
) -> TrustedSigner:
    """Return who of a rule's signers states it of what is judged; raises ModelkilnError where it does not count."""
    signer = signer_of(bundle, rule.signers, where, now)
    _check_covers(statement, judged, rule, where)
    _check_predicate(statement, rule, where)
    return signer


def signer_of(
    bundle: Bundle, signers: Sequence[TrustedSigner], where: str, now: Optional[datetime] = None
) -> TrustedSigner:
    """Return which of `signers` has signed; raises ModelkilnError with a reason where none has."""
    reasons = []
    for signer in signers:
        try:
            if signer.key is not None:
                if not bundle.certificates and signer.key.verifies(bundle.message, bundle.signature):
                    return signer
                continue
            if bundle.certificates:
                identity = _identity(bundle, signer, where, now)
                _check_named(identity, signer, where)
                if identity.key.verifies(bundle.message, bundle.signature):
                    return signer
        except ModelkilnError as error:
            is_untimed = bundle.is_logged and not (signer.trusted_root or signer.timestamp_authorities)
            reasons.append(_KEYLESS.format(where) if is_untimed else str(error).rstrip("."))
    kind = "certificate" if bundle.certificates else "key"
    raise ModelkilnError("; ".join(reasons) or f"{where}: its signature is not by a {kind} of {_names(signers)}")


def _identity(bundle: Bundle, signer: TrustedSigner, where: str, now: Optional[datetime]) -> Identity:
    """Whom a bundle's certificate names, for whom those vouch that a signer's entry of the policy trusts.

    Certificates have to be valid when the signature was made, where authorities are trusted to say so, and now
    elsewhere.
    """
    if signer.trusted_root:
        return verify_keyless(bundle, signer.trusted_root, where)
    stamped = None
    if signer.timestamp_authorities:
        stamped = stamped_at(bundle.timestamps, bundle.signature, signer.timestamp_authorities, where)
    return verify_chain(bundle.certificates, signer.authorities, where, now, stamped)


def _check_named(identity: Identity, signer: TrustedSigner, where: str) -> None:
    """Whether a signer's entry stands for whom a certificate names; names of Fulcio's are those of an issuer."""
    if not any(matches(name, one) for name in identity.names for one in signer.identities):
        named = ", ".join(identity.names) or "nobody"
        raise ModelkilnError(f"{where}: its certificate names {named}, and not whom {signer.name} stands for")
    if (identity.issuer or signer.issuers) and not any(matches(identity.issuer, one) for one in signer.issuers):
        raise ModelkilnError(
            f"{where}: {identity.issuer or 'nobody'} vouches for its names, who is not among the `issuers` of "
            f"{signer.name}"
        )


def _names(signers: Sequence[TrustedSigner]) -> str:
    return " or ".join(signer.name for signer in signers)


def _check_covers(statement: Statement, judged: Judged, rule: Rule, where: str) -> None:
    """A statement about another manifest, another package or another place is somebody else's."""
    own = [subject for subject in statement.subjects if subject.digest == judged.digest]
    if not own:
        others = ", ".join(subject.digest for subject in statement.subjects[:_SHOWN])
        raise ModelkilnError(f"{where}: is about {others}, and this is {judged.digest}")
    if not is_named(statement.predicate_type, "signature"):
        return
    stated: Mapping[str, Any] = own[0].annotations
    package = stated.get(PACKAGE_LABEL)
    if package is not None and judged.package_digest and package != judged.package_digest:
        raise ModelkilnError(f"{where}: covers package {package}, and the record is of {judged.package_digest}")
    repository = stated.get(REPOSITORY_LABEL)
    if rule.this_repository and repository != judged.repository:
        place = f"is for {repository}" if repository else "names no repository"
        raise ModelkilnError(f"{where}: {place}, and this is {judged.repository}")


def _check_predicate(statement: Statement, rule: Rule, where: str) -> None:
    """Provenance of another builder and tests that failed count for nothing."""
    predicate: Mapping[str, Any] = statement.predicate
    if rule.builders and is_named(statement.predicate_type, "provenance"):
        builder = _at(predicate, "runDetails", "builder", "id")
        if not isinstance(builder, str) or not any(matches(builder, one) for one in rule.builders):
            raise ModelkilnError(f"{where}: was built by {builder!r}, which is not among the rule's `builders`")
    if is_named(statement.predicate_type, "test-result"):
        result = predicate.get("result")
        if result != "PASSED":
            raise ModelkilnError(f'{where}: the result of its tests is {json.dumps(result)}, want "PASSED"')


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
