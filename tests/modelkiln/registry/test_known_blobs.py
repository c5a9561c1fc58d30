"""Which repositories have a blob, as far as this machine remembers."""

from steps import with_little_room

from modelkiln.registry.known_blobs import KnownBlobs

DIGESTS = [f"sha256:{number:064x}" for number in range(200)]


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_what_was_published_is_remembered(tmp_path):
    """The newest repository comes first."""
    for name in ("team/one", "team/two"):
        KnownBlobs(tmp_path, "127.0.0.1:5000").remember(DIGESTS[:1], name)
    assert ["team/two", "team/one"] == KnownBlobs(tmp_path, "127.0.0.1:5000").repositories(DIGESTS[0])
    assert ["published/127.0.0.1%3A5000.json"] == names(tmp_path)


def test_a_full_disk_is_no_failure_and_gets_no_leftovers(tmp_path):
    """What was remembered before stays."""
    KnownBlobs(tmp_path, "host").remember(DIGESTS[:1], "a")
    assert 0 == with_little_room(lambda: KnownBlobs(tmp_path, "host").remember(DIGESTS, "b"))
    assert ["a"] == KnownBlobs(tmp_path, "host").repositories(DIGESTS[0])
    assert ["published/host.json"] == names(tmp_path)
