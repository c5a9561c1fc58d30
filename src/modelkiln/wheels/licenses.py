"""Licences as SPDX names them, from what metadata of distributions and of Debian packages says.

Nothing is guessed: what is not known here keeps its own words.
"""

import re
from email.parser import HeaderParser
from typing import Any, Optional

__all__ = ["license_expression", "wheel_license"]

# SPDX license list 3.27: identifiers that packages of Python, of Debian and of models have, in any case of letters.
_IDENTIFIERS = (
    "0BSD", "AFL-2.1", "AFL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-1.1", "Apache-2.0", "Artistic-1.0",
    "Artistic-1.0-Perl", "Artistic-2.0", "Beerware", "BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent",
    "BSD-3-Clause", "BSD-3-Clause-Clear", "BSD-4-Clause", "BSD-4-Clause-UC", "BSL-1.0", "bzip2-1.0.6", "CC0-1.0",
    "CC-BY-3.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-SA-3.0",
    "CC-BY-SA-4.0", "CDLA-Permissive-2.0", "CNRI-Python", "curl", "ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.2",
    "FSFAP", "FSFUL", "FSFULLR", "FTL", "GFDL-1.2-only", "GFDL-1.2-or-later", "GFDL-1.3-only", "GFDL-1.3-or-later",
    "GPL-1.0-only", "GPL-1.0-or-later", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later",
    "HPND", "ICU", "IJG", "ISC", "LGPL-2.0-only", "LGPL-2.0-or-later", "LGPL-2.1-only", "LGPL-2.1-or-later",
    "LGPL-3.0-only", "LGPL-3.0-or-later", "Libpng", "libtiff", "LPPL-1.3c", "MIT", "MIT-0", "MIT-CMU", "MPL-1.1",
    "MPL-2.0", "MS-PL", "NCSA", "ODbL-1.0", "OFL-1.1", "OLDAP-2.8", "OpenSSL", "PostgreSQL", "PSF-2.0",
    "Python-2.0", "Python-2.0.1", "Ruby", "Sleepycat", "TCL", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense",
    "UPL-1.0", "Vim", "W3C", "WTFPL", "X11", "Zlib", "zlib-acknowledgement", "ZPL-2.1",
)  # fmt: skip
# Other names of them: of trove classifiers (the part after the last "::"), of free text in METADATA, and of Debian's
# machine-readable copyright files ("License specification", where a plus sign means "or later").
_ALIASES = {
    "3-clause bsd license": "BSD-3-Clause",
    "academic free license (afl)": "AFL-3.0",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "boost software license 1.0 (bsl-1.0)": "BSL-1.0",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd-2-clauses": "BSD-2-Clause",
    "bsd-3-clauses": "BSD-3-Clause",
    "bzip2": "bzip2-1.0.6",
    "cc0": "CC0-1.0",
    "cc0 1.0 universal (cc0 1.0) public domain dedication": "CC0-1.0",
    "expat": "MIT",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu affero general public license v3 or later (agplv3+)": "AGPL-3.0-or-later",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v2 (lgplv2)": "LGPL-2.0-only",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "historical permission notice and disclaimer (hpnd)": "HPND",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "mozilla public license 1.1 (mpl 1.1)": "MPL-1.1",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "psf": "PSF-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the mit license": "MIT",
    "the unlicense (unlicense)": "Unlicense",
    "university of illinois/ncsa open source license": "NCSA",
    "zlib/libpng license": "Zlib",
}
_KNOWN = {**{name.lower(): name for name in _IDENTIFIERS}, **_ALIASES}
# A licence of the GNU project with its version, as Debian and older lists of SPDX write it.
_GNU = re.compile(r"(a?gpl|lgpl|gfdl)-?v?([123])(?:\.(\d))?(\+|-or-later|-only)?", re.IGNORECASE)
# A licence that SPDX's list lacks, by a name of its owner's (SPDX 2.3, annex D).
_REFERENCE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_OPERATORS = re.compile(r"\s+(and|or|with)\s+", re.IGNORECASE)
# PEP 639: an expression of SPDX. Indexes take no other.
_EXPRESSION = re.compile(r"[A-Za-z0-9.+()-]+( [A-Za-z0-9.+()-]+)*")
_NAME_LIMIT = 120


def license_expression(text: str) -> Optional[str]:
    """Return the SPDX expression that a licence's name means, None for one that is not known.

    Names may be joined by "and", "or" and "with"; each has to be known, exceptions ("with ... exception") are not.
    """
    parts = _OPERATORS.split(" ".join(text.split()))
    names = [_identifier(name) for name in parts[::2]]
    operators = [word.upper() for word in parts[1::2]]
    if None in names or "WITH" in operators or len(set(operators)) > 1:
        return None  # Which of two operators binds closer is another question in each notation.
    joined = f" {operators[0]} " if operators else ""
    return joined.join(dict.fromkeys(name for name in names if name))


def _identifier(name: str) -> Optional[str]:
    known = name if _REFERENCE.fullmatch(name) else _KNOWN.get(name.lower())
    gnu = None if known else _GNU.fullmatch(name)
    if not gnu:
        return known
    kind, major, minor, ending = gnu[1].upper(), gnu[2], gnu[3] or "0", gnu[4]
    later = "or-later" if ending in ("+", "-or-later") else "only"
    return _KNOWN.get(f"{kind}-{major}.{minor}-{later}".lower())


def wheel_license(metadata: str) -> dict[str, Any]:
    """Return what the METADATA of a wheel says of its licence: {"expression": SPDX} or {"name": words}, or nothing.

    Core metadata specification: `License-Expression`, else what is known of the classifiers and of `License`.
    """
    headers = HeaderParser().parsestr(metadata)
    expression = " ".join(str(headers.get("License-Expression") or "").split())
    if _EXPRESSION.fullmatch(expression):
        return {"expression": expression}
    lines = [line.strip() for line in str(headers.get("License") or "").splitlines() if line.strip()]
    free_text = lines[0] if lines else ""
    classified = [
        str(value).rpartition("::")[2].strip()
        for value in headers.get_all("Classifier") or ()
        if str(value).startswith("License ::")
    ]
    found = license_expression(free_text) if len(lines) == 1 else None
    if found:
        return {"expression": found}
    classified_known = [license_expression(one) for one in classified]
    if len(classified) == 1 and classified_known[0]:
        return {"expression": classified_known[0]}
    name = free_text if len(lines) == 1 else ", ".join(classified) or free_text
    return {"name": name[:_NAME_LIMIT]} if name and name.upper() != "UNKNOWN" else {}
