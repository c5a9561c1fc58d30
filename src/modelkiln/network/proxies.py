"""The machine's proxies: which one serves an address, and that it failed."""

import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Mapping, Optional

__all__ = ["Proxy", "ProxyFailed", "proxies_for", "proxy_for", "raise_through"]


@dataclass(frozen=True)
class Proxy:
    """A proxy. variable: the environment variable that names it. address: without the password that may be in it."""

    variable: str
    address: str

    def __str__(self) -> str:
        return f"the proxy {self.address}"

    @property
    def remedy(self) -> str:
        """What helps where it fails."""
        return f"Start it, or correct {self.variable}; NO_PROXY lists hosts that need none."


class ProxyFailed(urllib.error.URLError):
    """There is no connection through a proxy. reason: what the network or the proxy said."""

    def __init__(self, proxy: Proxy, reason: OSError) -> None:
        super().__init__(reason)
        self.proxy = proxy

    def __str__(self) -> str:
        return f"{self.proxy} gives no connection: {getattr(self.reason, 'strerror', None) or self.reason}"


def proxies_for(url: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies for `url` by scheme; lower-case names win, as in curl."""
    found = {}
    for scheme in ("http", "https", "no"):
        value = env.get(f"{scheme}_proxy") or env.get(f"{scheme}_proxy".upper())
        if value:
            found[scheme] = value
    host = urllib.parse.urlsplit(url).netloc
    if urllib.request.proxy_bypass_environment(host, found):  # type: ignore[attr-defined]
        return {}
    found.pop("no", None)
    return found


def proxy_for(url: str, env: Mapping[str, str]) -> Optional[Proxy]:
    """Return the proxy that serves `url`, None where it is reached without one."""
    scheme = urllib.parse.urlsplit(url).scheme
    address = proxies_for(url, env).get(scheme)
    if address is None:
        return None
    name = f"{scheme}_proxy"
    kind, separator, place = address.rpartition("://")
    return Proxy(name if env.get(name) else name.upper(), kind + separator + place.rpartition("@")[2])


def raise_through(url: str, env: Mapping[str, str], error: urllib.error.URLError) -> None:
    """Raise ProxyFailed where `error`, of opening `url`, says that a proxy gives no connection."""
    proxy, reason = proxy_for(url, env), error.reason
    if proxy is not None and isinstance(reason, OSError) and not isinstance(reason, ssl.SSLError):
        raise ProxyFailed(proxy, reason) from error
