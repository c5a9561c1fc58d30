"""The machine's proxies: which of them a request goes through."""

import ipaddress
import re
import urllib.parse
from typing import Mapping

__all__ = ["proxies_for"]

_PORTS = {"http": 80, "https": 443}


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
        return False  # Whoever opens it says so.
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
