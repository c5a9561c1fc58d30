"""What `modelkiln verify` takes."""

import pytest

from modelkiln.cli.main import main


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("dist/digits.oci", "does not exist. Package it"),
        ("digits.pex", "verify themselves: digits.pex verify"),
        ("packed.pex", "verify themselves: packed.pex/pex verify"),
    ],
)
def test_what_is_neither_a_layout_nor_an_image_is_named(name, remedy, tmp_path, monkeypatch, capsys):
    """A folder that is not there, a file and a packed PEX are no images of a registry."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits.pex").write_bytes(b"")
    (tmp_path / "packed.pex").mkdir()
    (tmp_path / "packed.pex/PEX-INFO").write_bytes(b"{}")
    assert 1 == main(["verify", name])
    assert remedy in capsys.readouterr().err
