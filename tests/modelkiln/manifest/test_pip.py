"""How pip's failures are reported."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.pip import ask_pip, check_reachable

_DEAD = "http://127.0.0.1:9"


def test_a_dead_proxy_is_reported_as_one(tmp_path):
    """Of pip itself, which says of each try where in its own memory the connection was."""
    env = {"HTTPS_PROXY": _DEAD, "PIP_RETRIES": "0", "PIP_INDEX_URL": "https://index.example/simple"}
    with pytest.raises(ModelkilnError) as error:
        ask_pip(["download", "--no-deps", "numpy"], env, tmp_path)
    assert (
        "A package index cannot be reached: the machine's proxy (HTTPS_PROXY, or pip's setting `proxy`) gives no "
        "connection: Connection refused. Start it, or correct the setting; NO_PROXY lists hosts that need none."
    ) == str(error.value)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (
            "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f4a2fd14400>: Failed to "
            "establish a new connection: [Errno -2] Name or service not known')",
            "Name or service not known",
        ),
        (
            "OSError('Tunnel connection failed: 407 Proxy Authentication Required')",
            "407 Proxy Authentication Required",
        ),
    ],
)
def test_what_a_proxy_said_is_found_among_pips_words(cause, reason):
    """A name that is unknown, and a proxy that wants a login."""
    message = (
        "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection "
        f"broken by 'ProxyError('Cannot connect to proxy.', {cause})': /simple/numpy/"
    )
    with pytest.raises(ModelkilnError, match=f"gives no connection: {reason}. Start it"):
        check_reachable(message)


def test_an_index_that_does_not_answer_is_not_its_proxys_fault():
    """There pip's own words stay."""
    with pytest.raises(ModelkilnError, match="refuses this machine. pip says: .*Read timed out"):
        check_reachable(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'ReadTimeoutError: Read timed out'"
        )
