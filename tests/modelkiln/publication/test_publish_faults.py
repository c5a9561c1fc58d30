"""Registries that are down, full, busy, cut lines or lie: a clear error, no tag, and a second try completes."""

import re

import pytest
from loopback.hostile_registry import Fault, hostile_registry
from samples.published import Package

from modelkiln.digest import hex_of, sha256_bytes
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import layout_contents
from modelkiln.image.layout import Layout


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("PUT", "/uploads/", 503, times=2)],
        [Fault("POST", "/uploads/", 429, times=2, headers={"Retry-After": "0"})],
        [Fault("HEAD", "/blobs/", 500, times=3)],
        [Fault("PUT", "/manifests/", 502)],
        [Fault("GET", "/manifests/", 429)],
        [Fault("PUT", "/uploads/", cut_after=1_000_000, times=2)],
        [Fault("PUT", "/uploads/", cut_after=0, times=2)],
        [Fault("PUT", "/uploads/", cut_after=1_000_000, times=1), Fault("PATCH", "/uploads/", cut_after=500_000)],
        [Fault("PUT", "/uploads/", 404)],
        [Fault("PUT", "/uploads/", 401)],
    ],
)
def test_what_passes_is_tried_again(package, faults):
    """Busy, broken for a while, forgetful or cutting: the package arrives nevertheless."""
    with hostile_registry(*faults) as hostile:
        done = package.publish(hostile.address)
        assert 8 == done.sent
        assert package.digest == hostile.tags["team/digits", "1.2.0"]
    # How much the registry kept of a cut upload is a matter of timing; of nothing, nothing goes on.
    assert [] == [fault for fault in faults if fault.times and fault.method != "PATCH"]


def test_after_a_cut_only_the_rest_is_sent(package):
    """The registry is asked how much it has; what it has is not sent again."""
    cut = Fault("PUT", f"/uploads/.*{hex_of(package.weights.digest)}", cut_after=2_000_000)
    with hostile_registry(cut) as hostile:
        package.publish(hostile.address)
        assert 1 == len([method for method, _ in hostile.requests if method == "PATCH"])
        assert package.weights.size == len(hostile.blobs[package.weights.digest])


@pytest.mark.parametrize(
    "fault, message",
    [
        (Fault("PUT", "/uploads/", 507, times=99), "status 507.*disk is full"),
        (Fault("PUT", "/uploads/", 413, times=99), "status 413.*limit for one blob"),
        (Fault("POST", "/uploads/", 405, times=99), "status 405.*read-only"),
        (Fault("PUT", "/uploads/", 500, times=99), "status 500.*look into the registry's log"),
        (Fault("PUT", "/uploads/", cut_after=0, times=99), "Check the registry's address"),
        (Fault("POST", "/uploads/", 403, times=99), "status 403.*right to push"),
        (
            Fault("PUT", "/manifests/", 201, times=99, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}),
            "says it took sha256:0000",
        ),
        (Fault("PUT", "/manifests/", 201, times=99), "reads back as None"),
        (Fault("HEAD", "/blobs/", 200, times=99, headers={"Content-Type": "text/html"}), "web page"),
        (Fault("HEAD", "/blobs/", 200, times=99, headers={"Content-Length": "5"}), "broken or lies"),
        (Fault("GET", "/manifests/", 200, times=99, headers={"Content-Type": "text/html"}, body=b"<html>"), "web page"),
        (
            Fault("GET", "/manifests/", 200, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}, body=b"{}"),
            "want sha256:0000",
        ),
        (Fault("POST", "/uploads/", 200, times=99, headers={"Content-Type": "text/html"}), "web page"),
        (Fault("POST", "/uploads/", 202, times=99), "names no location"),
        (Fault("GET", "/manifests/", 429, times=99), "status 429.*busy"),
    ],
)
def test_what_stays_wrong_is_reported_and_a_second_try_completes(package, fault, message):
    """A clear error and no tag; when the registry is well again, publishing completes."""
    with hostile_registry(fault) as hostile:
        with pytest.raises(ModelkilnError) as caught:
            package.publish(hostile.address)
        assert re.search(message, str(caught.value)), str(caught.value)
        assert hostile.address in str(caught.value)
        assert {} == hostile.tags
        fault.times = 0
        package.publish(hostile.address)
        assert package.digest == hostile.tags["team/digits", "1.2.0"]


def test_a_token_that_expires_in_the_middle_is_replaced(package):
    """An upload that is refused for its token goes on with a new one."""

    def expire(hostile):
        hostile.token = "second"

    fault = Fault("PUT", f"/uploads/.*{hex_of(package.weights.digest)}", alter=expire)
    with hostile_registry(fault, token="first") as hostile:
        package.publish(hostile.address)
        assert package.digest == hostile.tags["team/digits", "1.2.0"]
        assert {"Bearer first", "Bearer second"} <= set(hostile.authorizations)


def is_sound(hostile):
    """Whether every blob is what its digest says."""
    return all(sha256_bytes(data) == digest for digest, data in hostile.blobs.items())


@pytest.mark.parametrize("where", ["layout", "store", "manifest", "short"])
def test_a_layout_that_was_tampered_with_is_refused(tmp_path, where):
    """Bytes that are not their descriptor's never arrive whole, and nothing is tagged."""
    broken = Package(tmp_path)
    contents = layout_contents(Layout(broken.layout))
    in_layout = [blob for blob in contents.blobs if Layout(broken.layout).blob_path(blob.digest)]
    path = Layout(broken.layout).blob_path(in_layout[-1].digest)
    if where == "store":
        path = broken.store.path(broken.weights.digest)
        path.chmod(0o644)
    elif where == "manifest":
        path = Layout(broken.layout).blob_path(broken.digest)
    data = path.read_bytes()
    path.write_bytes(data[:-1] if where == "short" else data[:-1] + bytes([data[-1] ^ 1]))
    with hostile_registry() as hostile:
        with pytest.raises(ModelkilnError, match="damaged or was changed"):
            broken.publish(hostile.address)
        assert {} == hostile.tags == hostile.manifests
        assert is_sound(hostile)
        path.write_bytes(data)
        broken.publish(hostile.address)
        assert broken.digest == hostile.tags["team/digits", "1.2.0"]


def test_a_registry_that_is_down_is_reported(package):
    """Nobody listens: the address and what to check are named."""
    with pytest.raises(ModelkilnError, match=r"127.0.0.1:1/team/digits: manifests/1.2.0:.*refused"):
        package.publish("127.0.0.1:1")
