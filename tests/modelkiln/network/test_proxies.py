"""Which requests go through the machine's proxies."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelkiln.network.http import NETWORK_ERRORS, open_url, with_retries
from modelkiln.network.proxies import proxies_for


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

    class Refusing(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            asked.append(self.headers.get("Proxy-Authorization", ""))
            self.send_response(407)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"https_proxy": f"http://{login}127.0.0.1:{server.server_port}"}
        with pytest.raises(NETWORK_ERRORS, match="407") as raised:
            with_retries(lambda: open_url("https://server.example.com/x", env))
        server.shutdown()
    assert [bool(login)] == [one.startswith("Basic ") for one in asked]
    assert "secret" not in str(raised.value)
