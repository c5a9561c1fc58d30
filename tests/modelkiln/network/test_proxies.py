"""Proxies: which one serves an address, and what is reported of one that fails."""

import socket
from contextlib import closing

import pytest
from loopback.answering import answering

from modelkiln.network.http import open_url
from modelkiln.network.http_file import network_error
from modelkiln.network.proxies import Proxy, ProxyFailed, proxy_for


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
