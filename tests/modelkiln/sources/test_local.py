"""Model artifacts of this machine's file system."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.sources.source import open_source
from modelkiln.weights.selection import parse_source


@pytest.fixture
def folder(tmp_path):
    for name in ("w/a.bin", "w/sub/b.bin", "w/sub/c.txt", "d.bin"):
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "repo"


def contents(uri, folder):
    source = open_source(uri, {}, folder)
    listing = source.list()
    assert (uri, "") == (listing.uri, listing.revision)
    return {file.path: source.open(file).read().decode() for file in listing.files}


def test_a_folder_has_paths_from_its_top(folder):
    """As a remote repository has."""
    assert {"a.bin": "w/a.bin", "sub/b.bin": "w/sub/b.bin", "sub/c.txt": "w/sub/c.txt"} == contents("w", folder)


def test_a_file_keeps_its_path(folder):
    """As in the field `source` without a lock; only one from outside has its name alone."""
    assert {"w/a.bin": "w/a.bin"} == contents("w/a.bin", folder)
    assert {"w/a.bin": "w/a.bin"} == contents("./w/a.bin", folder)
    assert {"d.bin": "d.bin"} == contents("../d.bin", folder / "w")
    assert {"d.bin": "d.bin"} == contents(f"file://{folder}/d.bin", folder / "w")


def test_a_pattern_has_paths_from_the_folder(folder):
    """As in the field `source` without a lock."""
    assert {"w/sub/b.bin": "w/sub/b.bin"} == contents("w/*/*.bin", folder)
    assert {"d.bin": "d.bin", "w/a.bin": "w/a.bin", "w/sub/b.bin": "w/sub/b.bin"} == contents("**/*.bin", folder)


def test_links_are_followed(folder):
    """A cache of models is often a folder of links."""
    (folder / "linked").symlink_to("w")
    assert {"a.bin", "sub/b.bin", "sub/c.txt"} == set(contents("linked", folder))


def test_a_part_is_read_from_its_offset(folder):
    """So that a cut copy goes on."""
    source = open_source("w/a.bin", {}, folder)
    assert b"a.bin" == source.open(source.list().files[0], 2).read()


def test_a_stamp_shows_changes(folder):
    """The same file has one stamp, a file with other times another; a fresh one is not settled."""
    source = open_source("w", {}, folder)
    file = source.list().files[0]
    first = source.stamp(file)
    assert first.text == source.stamp(file).text
    (folder / "w/a.bin").write_text("other!!")
    assert first.text != source.stamp(file).text
    assert not source.stamp(file).is_conclusive


def test_a_link_that_leads_elsewhere_for_a_moment_is_not_read(folder):
    """Stamps before and after are equal, and the bytes would be those of another file."""
    (folder / "link").symlink_to("w/a.bin")
    source = open_source("link", {}, folder)
    file = source.list().files[0]
    before = source.stamp(file)
    (folder / "link").unlink()
    (folder / "link").symlink_to("sub.bin")
    (folder / "sub.bin").write_text("D/a.bin")
    for read in (source.open, source.read):
        with pytest.raises(ModelkilnError, match="link: was changed while it was read"):
            read(file)
    (folder / "link").unlink()
    (folder / "link").symlink_to("w/a.bin")
    assert (before.text, b"w/a.bin") == (source.stamp(file).text, source.open(file).read())


@pytest.mark.parametrize("uri", ["file://elsewhere/a", "../*.bin", "/*.bin", "s9:x"])
def test_what_is_no_local_path_is_refused(folder, uri):
    """Other hosts, patterns that lead out, unknown schemes."""
    with pytest.raises(ModelkilnError, match="source"):
        open_source(uri, {}, folder).list()


def test_a_target_says_its_source_in_one_or_several_values():
    """One value is a URI, path or pattern; several are a choice from the BUILD file's folder."""
    assert ("hf:a/b", (), ()) == parse_source(["hf:a/b"])
    assert ("w", (), ("/w/x",)) == parse_source(["w", "!w/x"])
    assert (".", ("/a", "/w/*.bin"), ("/w/x.bin",)) == parse_source(["a", "w/*.bin", "!w/x.bin"])
    with pytest.raises(ModelkilnError, match="a `model_artifact` of its own"):
        parse_source(["a", "s3://b/c"])
