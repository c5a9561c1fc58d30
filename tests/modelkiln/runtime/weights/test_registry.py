"""What registries ask for, read by the grammar of RFC 9110."""

import pytest

from modelkiln.runtime.weights.registry import challenges


@pytest.mark.parametrize(
    "line, found",
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Bearer realm="a,b/token", Basic realm="N"', [("bearer", {"realm": "a,b/token"}), ("basic", {"realm": "N"})]),
        ('Negotiate, Basic realm="q\\"z"', [("negotiate", {}), ("basic", {"realm": 'q"z'})]),
        ("Negotiate abc==, Bearer realm=t", [("negotiate", {}), ("bearer", {"realm": "t"})]),
        ('BEARER  Realm = "x" ,\tscope= y', [("bearer", {"realm": "x", "scope": "y"})]),
        (
            'Digest qop="auth, auth-int", nonce=1,,Basic',
            [("digest", {"qop": "auth, auth-int", "nonce": "1"}), ("basic", {})],
        ),
        ('Basic realm="r", "junk', [("basic", {"realm": "r"})]),
        ('realm="alone"', []),
    ],
)
def test_challenges_are_reported_apart(line, found):
    """Schemes, parameters and commas, quoted or not."""
    assert challenges(line) == found
