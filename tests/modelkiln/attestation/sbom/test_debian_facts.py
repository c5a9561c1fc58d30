"""What Debian packages say of themselves."""

import pytest
from samples.debs import put_deb

from modelkiln.attestation.sbom.debian_facts import debian_facts
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store

_FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"


def _deb(store, name, fields="", copyright=None, members=()):
    files = [(f"./usr/share/doc/{name}/copyright", copyright.encode())] if copyright is not None else []
    control = (
        f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <n@example.org>\n"
        f"{fields}Description: made in a test\n of some lines\n"
    )
    return put_deb(store, [*members, *files], name=name, control=control)


def _facts(tmp_path, *described):
    store = Store(tmp_path / "store")
    return debian_facts([_deb(store, *one) if isinstance(one, tuple) else one(store) for one in described], store)


def test_the_source_package_is_named_with_its_version(tmp_path):
    """A package's own name and version stand where it names no source."""
    found = _facts(tmp_path, ("one", "Source: upstream (2.0-1)\n"), ("two", "Source: upstream\n"), ("three",))
    assert [("upstream", "2.0-1"), ("upstream", "1.0"), ("three", "1.0")] == [
        (one["source"], one["source_version"]) for one in found.values()
    ]


def test_needs_are_packages_of_the_lock(tmp_path):
    """Alternatives, versions, architectures and what others provide are resolved; what the lock leaves out is not."""
    depends = "Pre-Depends: libc6 (>= 2.36)\nDepends: gone | three:any (>= 1),\n virtual, absent, one\n"
    found = _facts(tmp_path, ("one", depends), ("libc6",), ("three",), ("four", "Provides: virtual (= 1.0), other\n"))
    assert ["four", "libc6", "three"] == found["one"]["needs"]
    assert [] == found["libc6"]["needs"]


def test_licences_come_from_machine_readable_copyright_files(tmp_path):
    """Those of files, each once; texts of licences, and files without the format's header, say nothing."""
    known = _FORMAT + (
        "License: GPL-2+\n\nFiles: *\nCopyright: 2020 Somebody\nLicense: Expat\n Permission is hereby granted\n\n"
        "Files: a\nCopyright: x\nLicense: GPL-2+ or Artistic\n\nLicense: BSD-3-clause\n The text.\n"
    )
    unknown = _FORMAT + "\nFiles: *\nLicense: public-domain\n\nFiles: b\nLicense: GPL-2\n"
    found = _facts(
        tmp_path,
        ("one", "", known),
        ("two", "", unknown),
        ("three", "", "This package is free.\nLicense: MIT\n"),
        ("four",),
    )
    assert "MIT AND GPL-2.0-or-later AND (GPL-2.0-or-later OR Artistic-1.0-Perl)" == found["one"]["expression"]
    assert ["GPL-2", "public-domain"] == found["two"]["licenses"]
    assert [[], []] == [found[name]["licenses"] for name in ("three", "four")]


def test_a_package_may_share_the_documentation_of_another(tmp_path):
    """By a link, as the packages of GCC do."""
    copyright = _FORMAT + "\nFiles: *\nLicense: Expat\n"
    link = ("./usr/share/doc/shared", {"type": b"2", "linkname": "base-doc"})
    found = _facts(tmp_path, ("base-doc", "", copyright), lambda store: _deb(store, "shared", members=[link]))
    assert ["MIT", "MIT"] == [one["expression"] for one in found.values()]


def test_a_package_is_read_once(tmp_path):
    """A second question is answered from the store's memory, also where the package has gone."""
    store = Store(tmp_path / "store")
    package = _deb(store, "one", "", _FORMAT + "\nFiles: *\nLicense: Expat\n")
    first = debian_facts([package], store)
    store.path(f"sha256:{package['sha256']}").unlink()
    assert first == debian_facts([package], store)


def test_a_damaged_package_is_refused(tmp_path):
    """With the package's name."""
    store = Store(tmp_path / "store")
    package = put_deb(store, [], name="one", data=b"not a tar")
    with pytest.raises(ModelkilnError, match="Debian package one 1.0"):
        debian_facts([package], store)
