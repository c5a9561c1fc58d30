"""Of macOS alone: what its settings say of proxies. Here they say nothing."""


def _get_proxy_settings():
    return {"exclude_simple": False, "exceptions": []}


def _get_proxies():
    return {}
