"""The machine's proxies: which one serves an address, and that it failed."""

import ipaddress
import re
import ssl
import urllib.error
import urllib.parse
from dataclasses import dataclass
from typing import Mapping, Optional

__all__ = ["Proxy", "ProxyFailed", "proxies_for", "proxy_for", "raise_through"]


_PORTS = {"http": 80, "https": 443}


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
    found = {scheme: env.get(f"{scheme}_proxy") or env.get(f"{scheme.upper()}_PROXY") for scheme in (*_PORTS, "no")}
    excepted = (found.pop("no") or "").replace(",", " ").split()
    if any(_is_meant(url, entry) for entry in excepted):
        return {}
    return {scheme: value for scheme, value in found.items() if value}


def _is_meant(url: str, entry: str) -> bool:
    """Whether an entry of NO_PROXY is about the host of `url`.

    It is a host, whose subdomains are meant too, also as .host or *.host; an address, or a network such as 10.0.0.0/8;
    each with a port where that one alone is meant; or "*". Go, curl and requests know these, each but for some; urllib,
    whose it would else be, knows no networks.
    """
    try:
        address = urllib.parse.urlsplit(url)
        host, port = (address.hostname or "").rstrip("."), address.port or _PORTS.get(address.scheme)
    except ValueError:
        return False  # Opening it reports that.
    network = _network(entry)
    if network is None:
        name, _, number = re.fullmatch(r"(.*?)(:([0-9]+))?", entry).groups("")  # type: ignore[union-attr]
        if number and int(number) != port:
            return False
        network, name = _network(name), name.lower().lstrip("*").strip(".")
        if network is None:
            return entry == "*" or bool(name) and f".{host}".endswith(f".{name}")
    own = _network(host)
    return own is not None and own.version == network.version and own.network_address in network


def _network(text: str):  # type: ignore[no-untyped-def]
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


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
