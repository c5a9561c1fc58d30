"""Modelkiln beside another Modelkiln."""

import pytest

from pants_modelkiln.compat import installation
from pants_modelkiln.compat.installation import DoubleInstallation, check_installation, double_of


def install(folder, *names):
    """Make packages in a folder, and return it."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").touch()
    return str(folder)


def test_one_installation_is_taken(tmp_path):
    """A wheel; or a checkout, whose engine and backend lie at two places and whose link leads to one of them."""
    wheel = install(tmp_path / "wheel", "pants_modelkiln", "modelkiln")
    assert double_of([str(tmp_path / "nowhere"), wheel, "", wheel]) is None
    rules, src = install(tmp_path / "rules", "pants_modelkiln"), install(tmp_path / "src", "modelkiln")
    (tmp_path / "rules/modelkiln").symlink_to(tmp_path / "src/modelkiln")
    assert double_of([rules, src]) is None


@pytest.mark.parametrize("first", [("pants_modelkiln", "modelkiln"), ("pants_modelkiln",), ("modelkiln",)])
def test_a_wheel_beside_a_checkout_is_refused(first, tmp_path):
    """Whole or in part: both places are named, in the order in which Python finds them, and the options."""
    paths = [install(tmp_path / "rules", *first), install(tmp_path / "wheel", "pants_modelkiln", "modelkiln")]
    message = double_of(paths)
    one, two = (f"{path}/{first[0]}" for path in paths)
    assert f"twice: {one} and {two}. Take it out of [GLOBAL].plugins or out of [GLOBAL].pythonpath" in str(message)


def test_the_backend_does_not_load_then(tmp_path, monkeypatch):
    """And it does where it is alone, as here."""
    check_installation()
    monkeypatch.setattr(installation.sys, "path", [*installation.sys.path, install(tmp_path, "modelkiln")])
    with pytest.raises(DoubleInstallation, match=f"twice: .* and {tmp_path}/modelkiln"):
        check_installation()
