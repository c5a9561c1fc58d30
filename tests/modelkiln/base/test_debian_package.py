"""Reading Debian packages."""

import io
import tarfile

import pytest
from samples.debs import make_deb

from modelkiln.base.debian_package import DebEntry, iter_data, read_control


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".zst"])
def test_every_compression_gives_the_same_entries(ending):
    """A package's entries do not depend on how its data is compressed."""
    members = [
        ("./", {"type": tarfile.DIRTYPE, "mode": 0o755}),
        ("./usr/", {"type": tarfile.DIRTYPE, "mode": 0o755}),
        ("./usr/tool", {"data": b"#!x", "mode": 0o755}),
        ("./usr/copy", {"type": tarfile.LNKTYPE, "linkname": "./usr/tool"}),
        ("./usr/link", {"type": tarfile.SYMTYPE, "linkname": "tool"}),
        ("./tmp/", {"type": tarfile.DIRTYPE, "mode": 0o1777}),
    ]
    stream = io.BytesIO(make_deb(members, ending=ending))
    found = [(entry, content and content.read()) for entry, content in iter_data(stream, "demo")]
    assert found == [
        (DebEntry("usr", "dir"), None),
        (DebEntry("usr/tool", "file", size=3, executable=True), b"#!x"),
        (DebEntry("usr/copy", "hardlink", link="usr/tool"), None),
        (DebEntry("usr/link", "symlink", link="tool"), None),
        (DebEntry("tmp", "dir", sticky=True), None),
    ]


def test_the_control_paragraph_is_read():
    """The control paragraph comes without its last newline, whatever else control.tar holds."""
    assert read_control(io.BytesIO(make_deb(name="demo")), "demo").startswith("Package: demo\nVersion: 1.0\n")
