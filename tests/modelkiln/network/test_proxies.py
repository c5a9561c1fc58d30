"""Proxies: which one serves an address, and what is reported of one that fails."""

import socket
from contextlib import closing

import pytest
from loopback.answering import answering

from modelkiln.network.http import open_url, with_retries
from modelkiln.network.http_file import network_error
from modelkiln.network.proxies import Proxy, ProxyFailed, proxies_for, proxy_for


def dead_port():
    """A port of this machine on which nobody answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("env", "proxy"),
    [
        ({"HTTPS_PROXY": "http://user:secret@proxy:3128"}, Proxy("HTTPS_PROXY", "http://proxy:3128")),
        ({"https_proxy": "proxy:3128", "HTTPS_PROXY": "other:1"}, Proxy("https_proxy", "proxy:3128")),
        ({"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "a.example"}, None),
        ({"HTTP_PROXY": "proxy:3128"}, None),
    ],
)
def test_a_proxy_is_known_by_its_variable(env, proxy):
    """Lower-case names win, hosts of NO_PROXY need none, and its password is not in its address."""
    assert proxy == proxy_for("https://a.example/file", env)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named(scheme):
    """With its variable, and not as if the server did not answer."""
    port = dead_port()
    env = {f"{scheme}_proxy": f"http://user:secret@127.0.0.1:{port}"}
    with pytest.raises(ProxyFailed) as failed:
        open_url(f"{scheme}://a.example/file", env)
    assert (
        f"source: the proxy http://127.0.0.1:{port} gives no connection: Connection refused. Start it, or correct "
        f"{scheme}_proxy; NO_PROXY lists hosts that need none."
    ) == str(network_error("source", failed.value, "Log in."))


def test_a_proxy_that_refuses_is_named():
    """What it says to the request for a tunnel."""
    with answering(lambda *request: (407, {}, b"")) as stub, pytest.raises(ProxyFailed) as failed:
        open_url("https://a.example/file", {"HTTPS_PROXY": stub.url})
    assert f"the proxy {stub.url} gives no connection: Tunnel connection failed: 407 " in str(failed.value)


def test_without_a_proxy_the_server_is_at_fault():
    """In the words of the system."""
    with pytest.raises(OSError) as failed:
        open_url(f"http://127.0.0.1:{dead_port()}/file", {})
    assert "source: Connection refused. Check the network, and the machine's proxy settings." == str(
        network_error("source", failed.value, "Log in.")
    )


@pytest.mark.parametrize(
    ("url", "excepted", "is_direct"),
    [
        ("https://10.1.2.3/x", "10.0.0.0/8", True),
        ("https://11.1.2.3/x", "10.0.0.0/8", False),
        ("https://10.1.2.3/x", "10.1.2.3", True),
        ("https://10.1.2.3:5000/x", "10.1.2.3:5000", True),
        ("https://10.1.2.3/x", "10.1.2.3:5000", False),
        ("https://[::1]:5000/x", "::1", True),
        ("https://[::1]:5000/x", "[::1]", True),
        ("https://[::1]:5000/x", "[::1]:5000", True),
        ("https://[fd00::1]/x", "fd00::/8", True),
        ("https://[fd00::1]/x", "10.0.0.0/8,::1", False),
        ("https://host10.0.0.1/x", "10.0.0.0/8", False),
        ("https://a.b.c/x", "b.c", True),
        ("https://a.b.c/x", ".b.c", True),
        ("https://a.b.c/x", "*.b.c", True),
        ("https://a.bb.c/x", "b.c", False),
        ("https://A.B.c./x", "localhost, a.b.C", True),
        ("https://a.b.c/x", "a.b.c:443", True),
        ("http://a.b.c/x", "a.b.c:443", False),
        ("https://a.b.c/x", "*", True),
        ("https://a.b.c/x", ",  ,*:1,.,:,[", False),
        ("https://a.b.c:port/x", "b.c", False),
    ],
)
def test_no_proxy_names_hosts_addresses_and_networks(url, excepted, is_direct):
    """As for the tools next to which these settings are used: Go's, curl and pip know networks."""
    env = {"https_proxy": "http://proxy:3128", "HTTP_PROXY": "http://other:3128", "NO_PROXY": excepted}
    expected = {} if is_direct else {"https": "http://proxy:3128", "http": "http://other:3128"}
    assert expected == proxies_for(url, env)
    assert {} == proxies_for(url, {"NO_PROXY": excepted})


@pytest.mark.parametrize("login", ["", "me:secret@"])
def test_a_proxy_that_refuses_the_login_is_asked_once(login):
    """Another try ends the same, and some accounts are locked after a few."""
    asked = []

    def refuse(*request):
        asked.append(request)
        return 407, {}, b""

    with answering(refuse) as stub, pytest.raises(ProxyFailed, match="407") as failed:
        env = {"https_proxy": stub.url.replace("://", f"://{login}")}
        with_retries(lambda: open_url("https://a.example/file", env))
    assert 1 == len(asked)
    assert "secret" not in str(failed.value)
