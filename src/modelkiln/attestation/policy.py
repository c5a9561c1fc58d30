"""A policy: who may sign what in which repositories, and which statements a package has to have. A TOML file."""

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Mapping, Optional

from modelkiln.attestation.bundle import SIGN
from modelkiln.attestation.signing.certificates import read_authorities
from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.errors import ModelkilnError, reason

__all__ = ["MODES", "PREDICATES", "Policy", "Rule", "TrustedSigner", "is_named", "matches"]

# `off`: nothing is looked at. `warn`: what is missing is reported. `enforce`: it is refused.
MODES = ("off", "warn", "enforce")
# What a policy calls the types of predicates, of any version below them. Others it names by their URI.
PREDICATES: Mapping[str, tuple[str, ...]] = {
    "signature": (SIGN,),
    "sbom": ("https://cyclonedx.org/bom", "https://spdx.dev/Document"),
    "provenance": ("https://slsa.dev/provenance/v1",),
    "test-result": ("https://in-toto.io/attestation/test-result/v0.1",),
}
_KEYS = {
    "policy": {"mode", "signers", "rules"},
    "signer": {"key", "authorities", "identities", "issuers", "timestamp_authorities", "trusted_root"},
    "rule": {"repositories", "signers", "require", "builders", "this_repository"},
}


@dataclass(frozen=True)
class TrustedSigner:
    """Who may sign: a public key, or whom certificates name that an authority (DER) vouches for, or the services of
    Sigstore's that a trusted root names.

    issuers: patterns of who vouches for names in keyless certificates; without one, none of these counts.
    timestamp_authorities: certificates (DER) of who is trusted to say when a signature was made. Certificates count
    then, and without them now.
    """

    name: str
    key: Optional[PublicKey] = None
    authorities: tuple[bytes, ...] = ()
    identities: tuple[str, ...] = ()
    timestamp_authorities: tuple[bytes, ...] = ()
    issuers: tuple[str, ...] = ()
    trusted_root: Optional[Path] = None


@dataclass(frozen=True)
class Rule:
    """What packages of some repositories have to have.

    signers: one of them has to have signed each statement. require: names of PREDICATES, or URIs. builders: patterns
    of who may have built it, by its provenance. this_repository: whether a signature has to state where it is.
    """

    repositories: tuple[str, ...]
    signers: tuple[TrustedSigner, ...]
    require: tuple[str, ...] = ("signature",)
    builders: tuple[str, ...] = ()
    this_repository: bool = False


@dataclass(frozen=True)
class Policy:
    """Rules, of which the first that names a repository is its own. where: the file, for messages."""

    where: str
    mode: str
    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read the file; keys and certificates that it names are relative to its folder."""
        try:
            content = _toml(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelkilnError(f"{path}: cannot be read as a policy ({reason(error)}).") from None
        return cls.of(content, path)

    @classmethod
    def of(cls, content: Mapping[str, Any], path: Path) -> "Policy":
        """Take what the file at `path` holds."""
        _check_keys(content, "policy", str(path))
        mode = content.get("mode", "warn")
        if mode not in MODES:
            raise ModelkilnError(f"{path}: mode {mode!r} is not one of {', '.join(MODES)}.")
        signers = {
            name: _signer(name, value, path) for name, value in _table(content, "signers", dict, str(path)).items()
        }
        listed = _table(content, "rules", list, str(path))
        rules = tuple(_rule(value, signers, f"{path}: rules[{number}]") for number, value in enumerate(listed))
        if not rules:
            raise ModelkilnError(f"{path}: has no rules: nothing could be trusted. Add [[rules]].")
        return cls(str(path), mode, rules)

    def rule_for(self, repository: str) -> Rule:
        """Return the first rule that names the repository ("registry/name"); "" is that of a layout."""
        for rule in self.rules:
            if any(matches(repository, pattern) for pattern in rule.repositories):
                return rule
        if not repository:
            raise ModelkilnError(
                f"{self.where}: its rules name repositories, and a layout is in none. Say with --repository which one "
                'it is for, or add a rule for "**".'
            )
        raise ModelkilnError(
            f"{self.where}: has no rule for {repository}, so that nobody may sign what lies there. Add one."
        )


def is_named(predicate_type: str, name: str) -> bool:
    """Whether a type of predicate is what `require` calls by a name, or by its URI."""
    return any(predicate_type == one or predicate_type.startswith(f"{one}/") for one in PREDICATES.get(name, (name,)))


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern stands for the text: `*` for characters other than `/`, `**` for any.

    The names of a certificate may be an attacker's: each character is looked at once, whatever the pattern.
    """
    places, deep, stars, last = _compiled(pattern)
    # Bit n: the first n items of the pattern stand for what was read. A star may also stand for nothing.
    states = 1 | (stars & 1) << 1
    for character in text:
        staying = states & (deep if character == "/" else stars)
        states = staying | (states & places.get(character, 0)) << 1
        states |= (states & stars) << 1
        if not states:
            return False
    return bool(states & last)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[Mapping[str, int], int, int, int]:
    """Bits of items: the places of each character, of `**`, and of both kinds of stars; and the bit past the last."""
    items = [item for part in re.split(r"(\*+)", pattern) for item in ([part[:2]] if part[:1] == "*" else part)]
    places: dict[str, int] = {}
    deep = stars = 0
    for number, item in enumerate(items):
        if item[0] == "*":
            stars |= 1 << number
            deep |= (item == "**") << number
        else:
            places[item] = places.get(item, 0) | 1 << number
    return places, deep, stars, 1 << len(items)


def _signer(name: str, value: Any, path: Path) -> TrustedSigner:
    where = f"{path}: signers.{name}"
    _check_keys(value, "signer", where)
    if sum(name in value for name in ("key", "authorities", "trusted_root")) != 1:
        raise ModelkilnError(f"{where}: want one of `key`, `authorities` and `trusted_root`.")
    if "key" in value:
        others = sorted(set(value) - {"key"})
        if others:
            raise ModelkilnError(f"{where}: a key is its own identity; `{others[0]}` goes with `authorities`.")
        return TrustedSigner(name, PublicKey.read(*_file(value["key"], path, where)))
    identities, issuers = _texts(value, "identities", where), _texts(value, "issuers", where)
    if not identities:
        raise ModelkilnError(f"{where}: lacks `identities`: an authority vouches for many. Name who may sign.")
    if "trusted_root" in value:
        if "timestamp_authorities" in value or not issuers:
            raise ModelkilnError(f"{where}: a `trusted_root` has its own `timestamp_authorities`, and needs `issuers`.")
        return TrustedSigner(
            name, None, (), identities, (), issuers, Path(_file(value["trusted_root"], path, where)[1])
        )
    authorities = read_authorities(*_file(value["authorities"], path, where))
    named = value.get("timestamp_authorities")
    stamps = read_authorities(*_file(named, path, where)) if named is not None else ()
    return TrustedSigner(name, None, authorities, identities, stamps, issuers)


def _file(name: Any, path: Path, where: str) -> tuple[bytes, str]:
    if not isinstance(name, str):
        raise ModelkilnError(f"{where}: {name!r} is not the name of a file.")
    found = path.parent / name
    try:
        return found.read_bytes(), str(found)
    except OSError as error:
        raise ModelkilnError(f"{where}: {found}: {error.strerror}. Paths are relative to the policy.") from None


def _rule(value: Any, signers: Mapping[str, TrustedSigner], where: str) -> Rule:
    _check_keys(value, "rule", where)
    repositories, names = _texts(value, "repositories", where), _texts(value, "signers", where)
    require = _texts(value, "require", where) if "require" in value else ("signature",)
    builders = _texts(value, "builders", where)
    if not repositories:
        raise ModelkilnError(f'{where}: lacks `repositories`, patterns such as "registry.example.com/models/**".')
    unknown = sorted(set(names) - set(signers))
    if unknown or not names:
        known = ", ".join(sorted(signers)) or "none"
        raise ModelkilnError(f"{where}: signers {list(names)!r}: want some of those of the policy ({known}).")
    wrong = [one for one in require if one not in PREDICATES and ":" not in one]
    if wrong or not require:
        raise ModelkilnError(
            f"{where}: require {list(require)!r}: want some of {', '.join(PREDICATES)} and URIs of predicates."
        )
    if builders and "provenance" not in require:
        raise ModelkilnError(f'{where}: `builders` are those of provenance. Add "provenance" to `require`.')
    bound = value.get("this_repository", False)
    if not isinstance(bound, bool) or (bound and "signature" not in require):
        raise ModelkilnError(f'{where}: this_repository {bound!r}: want true or false, with "signature" in `require`.')
    return Rule(repositories, tuple(signers[name] for name in names), require, builders, bound)


def _check_keys(value: Any, kind: str, where: str) -> None:
    if not isinstance(value, Mapping):
        raise ModelkilnError(f"{where}: {value!r} is not a table.")
    unknown = sorted(set(value) - _KEYS[kind])
    if unknown:
        known = ", ".join(sorted(_KEYS[kind]))
        raise ModelkilnError(f"{where}: {unknown[0]!r} is not a key of a {kind}; these are: {known}.")


def _table(content: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = content.get(key, kind())
    if not isinstance(value, kind):
        raise ModelkilnError(f"{where}: {key} {value!r} is not a {'table' if kind is dict else 'list of tables'}.")
    return value


def _texts(value: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    listed = value.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
        raise ModelkilnError(f"{where}: {key} {listed!r} is not a list of texts.")
    return tuple(listed)


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
