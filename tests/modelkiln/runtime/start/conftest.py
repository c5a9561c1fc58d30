"""Folders with distributions, as `pip install --target` leaves them."""

import pytest


@pytest.fixture
def make_provided(tmp_path):
    """Return a function that makes a folder with a distribution and its module."""

    def make(version="10.3.0.26", name="acme-rt", module="acme_rt", code="", folder="provided"):
        root = tmp_path / folder
        info = root / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (root / f"{module}.py").write_text(code or f"VERSION = {version!r}\n")
        return root

    return make
