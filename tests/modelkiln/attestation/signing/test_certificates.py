"""Certificates: whom they name, and who vouches for them."""

from datetime import timedelta

import pytest
from attested.signing_keys import NOW, Authority, make_key

from modelkiln.attestation.signing.certificates import read_authorities, verify_chain
from modelkiln.attestation.signing.keys import PublicKey
from modelkiln.errors import ModelkilnError


def _der(*paths):
    return tuple(one for path in paths for one in read_authorities(path.read_bytes(), str(path)))


@pytest.mark.parametrize("identity", ["ci@example.com", "https://ci.example.com/pipelines/7"])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_an_authority_vouches_for_whom_a_certificate_names(tmp_path, identity, is_reversed):
    """Name and key are those of the first certificate; the others may be in any order."""
    _, public, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    others = _der(authority.middle, authority.root)
    chain = (*_der(authority.issue(key, identity=identity)), *(reversed(others) if is_reversed else others))
    found = verify_chain(chain, _der(authority.root), "it", NOW)
    assert (PublicKey(public.read_bytes()), (identity, "CN=signer")) == (found.key, found.names)


def test_the_first_certificate_is_the_signers(tmp_path):
    """In a chain that begins with an authority's, nobody is named but that one, with its own key."""
    authority = Authority(tmp_path)
    certificate = authority.issue(make_key(tmp_path)[2])
    found = verify_chain(_der(authority.middle, certificate), _der(authority.root), "it", NOW)
    assert ("CN=middle",) == found.names
    assert found.key != verify_chain(_der(certificate, authority.middle), _der(authority.root), "it", NOW).key


def test_authorities_may_have_the_middle_of_the_chain(tmp_path):
    """A bundle of cosign's has the signer's certificate alone."""
    _, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    found = verify_chain(_der(authority.issue(key)), _der(authority.middle), "it", NOW)
    assert ("ci@example.com", "CN=signer") == found.names


def test_another_authority_vouches_for_nobody(tmp_path):
    """A chain of the same names by other keys is refused."""
    _, _, key = make_key(tmp_path)
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    authority, other = Authority(tmp_path / "own"), Authority(tmp_path / "other")
    with pytest.raises(ModelkilnError, match="no authority of the policy vouches for its certificate, CN=signer"):
        verify_chain(_der(authority.issue(key), authority.middle), _der(other.root), "it", NOW)


def test_a_certificate_counts_while_it_is_valid(tmp_path):
    """Afterwards it has expired; before that, the clock may be wrong, and the error names its time."""
    _, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    certificate = authority.issue(key, start=NOW - timedelta(days=1), end=NOW + timedelta(days=1))
    chain, trusted = _der(certificate, authority.middle), _der(authority.root)
    verify_chain(chain, trusted, "it", NOW)
    with pytest.raises(ModelkilnError, match="has expired, on 2030-06-02 00:00 UTC"):
        verify_chain(chain, trusted, "it", NOW + timedelta(days=2))
    with pytest.raises(ModelkilnError, match="valid from 2030-05-31 00:00 UTC on, and this machine's clock says 2030"):
        verify_chain(chain, trusted, "it", NOW - timedelta(days=2))


def test_an_authority_that_has_expired_vouches_for_nobody(tmp_path):
    """A longer life of the signer's certificate does not help it."""
    _, _, key = make_key(tmp_path)
    authority = Authority(tmp_path, end=NOW - timedelta(days=1))
    chain = _der(authority.issue(key, end=NOW + timedelta(days=1)), authority.middle)
    with pytest.raises(ModelkilnError, match="no authority of the policy vouches"):
        verify_chain(chain, _der(authority.root), "it", NOW)


@pytest.mark.parametrize("usage", [{"digital_signature": False}, {"code_signing": False}])
def test_a_certificate_for_something_else_is_refused(tmp_path, usage):
    """One of a server does not sign packages."""
    _, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    with pytest.raises(ModelkilnError, match="no authority of the policy vouches"):
        verify_chain(_der(authority.issue(key, **usage), authority.middle), _der(authority.root), "it", NOW)


def test_a_signer_is_not_an_authority(tmp_path):
    """Whom somebody vouches for cannot vouch for others."""
    _, _, key = make_key(tmp_path)
    authority = Authority(tmp_path)
    mine = authority.issue(key, "middle")  # By its name it could be.
    _, _, victim = make_key(tmp_path, "victim")
    forged = authority._make("victim", victim, "middle", key, False, "boss@example.com")
    path = authority._write("forged", forged)
    with pytest.raises(ModelkilnError, match="no authority of the policy vouches"):
        verify_chain(_der(path, mine, authority.middle), _der(authority.root), "it", NOW)


def test_what_is_not_a_certificate_is_refused(tmp_path):
    """In a file and in a bundle."""
    with pytest.raises(ModelkilnError, match="ca.pem: holds no certificates"):
        read_authorities(b"nothing", "ca.pem")
    with pytest.raises(ModelkilnError, match="cannot be read"):
        verify_chain([b"0000"], _der(Authority(tmp_path).root), "it", NOW)
