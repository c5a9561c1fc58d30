"""What a registry is known to refuse is refused, or said, before anything is sent."""

import pytest
from loopback.registries import registry
from samples.published import Package

from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.publish import publish_all
from modelkiln.registry import limits
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.limits import check_limits, limits_of, upload_warning
from modelkiln.registry.reference import parse_repository


def blob(size, digit="a"):
    return Descriptor("application/vnd.oci.image.layer.v1.tar", f"sha256:{digit * 64}", size)


@pytest.mark.parametrize("name", ["ghcr.io", "GHCR.io", "ghcr.io:443"])
def test_a_layer_of_more_than_10_gb_is_refused(name):
    """The message names the layer, its size, the limit and what can be done."""
    fitting, large = blob(10**10), blob(10**10 + 1, "b")
    check_limits(name, {"x:w": fitting}, f"{name}/models/x")
    with pytest.raises(ModelkilnError) as error:
        check_limits(name, {"x:w": fitting, "x:v": large}, f"{name}/models/x")
    message = str(error.value)
    assert message.startswith(
        f"{name}/models/x: ghcr.io takes layers of 10.0 GB at most, and one has 10000000001 bytes"
    )
    assert "Nothing was sent. Too large are: x:v (10.0 GB)" in message


def test_other_registries_have_no_known_limits():
    """What is not documented is not guessed."""
    assert limits_of("registry.example.com") is None
    check_limits("registry.example.com", {"x:w": blob(10**12)}, "x")
    assert "" == upload_warning("registry.example.com", [blob(10**12)])


def test_what_a_slow_line_cannot_send_is_said():
    """Of the largest blob that has to be sent, and not of small ones."""
    expected = "ghcr.io ends an upload after 10 minutes: the largest blob to send, of 9.0 GB, needs 15.0 MB a second"
    assert upload_warning("ghcr.io", [blob(9 * 10**9), blob(10)]).startswith(expected)
    assert "" == upload_warning("ghcr.io", [blob(10**9)])
    assert "" == upload_warning("ghcr.io", [])


def test_nothing_is_sent_where_a_layer_is_too_large(tmp_path, monkeypatch):
    """Neither blobs nor tags, also of layouts that would fit."""
    package = Package(tmp_path)
    with registry(tmp_path / "registry") as host:
        name = host.partition(":")[0]
        monkeypatch.setitem(limits._LIMITS, name, limits.Limits(name, 100, 1))
        with pytest.raises(ModelkilnError, match="takes layers of 100 B at most"):
            package.publish(host, "large/digits", record=package.record)
        client = RegistryClient(parse_repository(f"{host}/large/digits"), {INSECURE_REGISTRIES: host}, print)
        assert client.find_manifest("1.2.0") is None
        assert [] == list((tmp_path / "registry").rglob("data"))


def test_what_a_slow_line_cannot_send_is_said_before_it_is_sent(tmp_path, monkeypatch):
    """And only of blobs that the registry lacks."""
    package, lines = Package(tmp_path), []
    with registry(tmp_path / "registry") as host:
        name = host.partition(":")[0]
        monkeypatch.setitem(limits._LIMITS, name, limits.Limits(name, 10**9, 60))
        monkeypatch.setattr(limits, "_USUAL_BYTES_PER_SECOND", 1)
        for _ in range(2):
            publication, repository = package.publication(f"{host}/slow/digits", {INSECURE_REGISTRIES: host})
            publish_all([(publication, repository)], {INSECURE_REGISTRIES: host}, report=lines.append)
    assert 1 == len(lines)
    assert lines[0].startswith(f"{host}/slow/digits: {name} ends an upload after 1 minutes: ")
