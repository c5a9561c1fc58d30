"""Licences as SPDX names them."""

import pytest

from modelkiln.wheels.licenses import license_expression, wheel_license


@pytest.mark.parametrize(
    "text, expected",
    [
        ("MIT", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("Expat", "MIT"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("GPL-2.0-or-later", "GPL-2.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("LGPLv3+", "LGPL-3.0-or-later"),
        ("GPL-2+ or  Artistic", "GPL-2.0-or-later OR Artistic-1.0-Perl"),
        ("BSD-3-clause and MIT and Expat", "BSD-3-Clause AND MIT"),
        ("GPL-2+ with Autoconf exception", None),
        ("MIT or BSD-2-clause and ISC", None),
        ("LicenseRef-NVIDIA-Proprietary", "LicenseRef-NVIDIA-Proprietary"),
        ("GPL", None),
        ("BSD", None),
        ("NVIDIA Proprietary Software", None),
        ("", None),
    ],
)
def test_names_of_licences_become_identifiers(text, expected):
    """What is known becomes SPDX's name, in any notation; what is ambiguous or unknown becomes nothing."""
    assert expected == license_expression(text)


@pytest.mark.parametrize(
    "headers, expected",
    [
        ("License-Expression: BSD-3-Clause AND 0BSD\nLicense: MIT\n", {"expression": "BSD-3-Clause AND 0BSD"}),
        ("License: MIT\nClassifier: License :: OSI Approved :: BSD License\n", {"expression": "MIT"}),
        ("Classifier: License :: OSI Approved :: MIT License\n", {"expression": "MIT"}),
        ("License: Copyright (c) 2005\n  All rights\nClassifier: License :: OSI Approved :: Apache Software License\n",
         {"expression": "Apache-2.0"}),
        ("License: NVIDIA Proprietary Software\n", {"name": "NVIDIA Proprietary Software"}),
        ("Classifier: License :: Other/Proprietary License\n", {"name": "Other/Proprietary License"}),
        ("License: Copyright (c) 2005\n  All rights\n", {"name": "Copyright (c) 2005"}),
        ("License: UNKNOWN\n", {}),
        ("License-Expression: <b>\n", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_metadata_of_a_wheel_gives_its_licence(headers, expected):
    """The expression comes first, then a name that is known, then the words that are there."""
    assert expected == wheel_license(f"Metadata-Version: 2.4\nName: a\nVersion: 1\n{headers}\nText\n")
