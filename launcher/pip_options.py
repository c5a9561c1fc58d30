"""Read pip's settings, as pip_settings.py lists them, and print those that Pants has options for, a line each.

Its indexes, its folders of wheels, the authorities, the proxy. Pants adds to its default where a list begins with a
plus sign.
"""

import json
import os
import sys

settings = json.loads((sys.stdin.read().splitlines() or ["{}"])[-1])


def listed(sign, values):
    """Return a list as an option has it, in one line."""
    return sign + repr(values).replace("\n", "") if values else ""


index, more = settings.get("index-url"), settings.get("extra-index-url", "").split()
print(listed("", [index, *more]) if index else listed("+", more))
print(listed("+", settings.get("find-links", "").split()))
print(settings.get("cert", "") if os.path.isfile(settings.get("cert", "")) else "")
print(settings.get("proxy", ""))
