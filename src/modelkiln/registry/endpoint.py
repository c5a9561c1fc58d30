"""Where a registry is served, and how it may be spoken to."""

from dataclasses import dataclass
from typing import Mapping

from modelkiln.machine.settings import insecure_registries
from modelkiln.runtime.weights.registry import host_name, served_at

__all__ = ["Endpoint", "endpoint_of"]

_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class Endpoint:
    """name: the registry's one name, by which two references are of the same. scheme: "https", or
    "http". host: what requests are sent to, with a port when it is not the scheme's own."""

    name: str
    scheme: str
    host: str

    @property
    def port(self) -> str:
        """The scheme's own port."""
        return _PORTS[self.scheme]


def endpoint_of(registry: str, env: Mapping[str, str]) -> Endpoint:
    """Return where `registry` (host, with a port when it has one) is served.

    env: the machine's settings, see `load_machine_env`. Plain http is spoken to the registries that
    they name and to no other: what is read is verified, but credentials would be sent in the clear.
    """
    plain = {host_name(one, "80") for one in insecure_registries(env)}
    scheme = "http" if host_name(registry, "80") in plain else "https"
    return Endpoint(host_name(registry, _PORTS[scheme]), scheme, served_at(registry, _PORTS[scheme]))
