"""A package in several repositories: no tag is put while another one is not free."""

import pytest
from loopback.hostile_registry import Fault, hostile_registry
from loopback.registries import registry
from samples.published import Package

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.publish import publish_all
from modelkiln.registry.client import RegistryClient
from modelkiln.registry.reference import parse_repository

NAMES = ("team/digits", "mirror/digits")


def publish_to_both(package, address, **more):
    env = {INSECURE_REGISTRIES: address}
    both = [package.publication(f"{address}/{name}", env, **more) for name in NAMES]
    return publish_all(both, env, package.store.root)


def meaning(address, name, tag):
    """The digest that a tag means, or None."""
    client = RegistryClient(parse_repository(f"{address}/{name}"), {INSECURE_REGISTRIES: address}, print)
    found = client.find_manifest(tag)
    return found and found[0]


def test_all_repositories_get_all_tags(package, tmp_path):
    """Tags that may move are put after all others; what was published again says so."""
    with hostile_registry() as hostile:
        for wanted in (("1.2.0", "latest"), ()):
            done = publish_to_both(package, hostile.address, moving=["latest"], record=package.record)
            assert [wanted] * 2 == [one.put for one in done]
        assert {package.digest} == {hostile.tags[name, tag] for name in NAMES for tag in ("1.2.0", "latest")}
        tags = [name for name in hostile.tags if name[1] in ("1.2.0", "latest")]
        assert [(name, tag) for tag in ("1.2.0", "latest") for name in NAMES] == tags


def test_a_tag_taken_in_one_repository_leaves_all_others_alone(package, tmp_path):
    """Nothing is sent to the first repository where the second has the tag for another package."""
    other = Package(tmp_path, seed=1)
    with registry(tmp_path / "registry") as host:
        other.publish(host, NAMES[1])
        with pytest.raises(ModelkilnError, match=f"{NAMES[1]}:1.2.0: means {other.digest}, want {package.digest}"):
            publish_to_both(package, host)
        assert meaning(host, NAMES[0], "1.2.0") is None
        assert meaning(host, NAMES[0], package.digest) is None


@pytest.mark.parametrize("tags", (("1.2.0",), ("1.2.0", "1.2")))
def test_of_two_publishers_the_one_that_comes_later_puts_no_tag(package, tmp_path, tags):
    """Another publisher takes the tags of one repository while this one brings its blobs to the other."""
    other = Package(tmp_path, seed=1)

    def meanwhile(hostile):
        other.publish(hostile.address, NAMES[1], tags=tags[-1:])

    with hostile_registry(Fault("PUT", f"{NAMES[1]}/manifests/{package.digest}", alter=meanwhile)) as hostile:
        with pytest.raises(ModelkilnError, match=f"{NAMES[1]}:{tags[-1]}: means {other.digest}"):
            publish_to_both(package, hostile.address, tags=tags)
        assert {(NAMES[1], tags[-1]): other.digest} == hostile.tags
        # Under other tags a second try completes, and finds all blobs there.
        done = publish_to_both(package, hostile.address, tags=["1.2.1"])
        assert [(0, ("1.2.1",))] * 2 == [(one.sent, one.put) for one in done]


def test_a_repository_that_fails_leaves_the_others_without_tags(package):
    """The second repository refuses the manifest: the first has all bytes, and no tag."""
    with hostile_registry(Fault("PUT", f"{NAMES[1]}/manifests/", status=403, times=99)) as hostile:
        with pytest.raises(ModelkilnError, match=f"{NAMES[1]}: "):
            publish_to_both(package, hostile.address)
        assert {} == hostile.tags
