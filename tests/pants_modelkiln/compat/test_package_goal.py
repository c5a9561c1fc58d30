"""What `pants package` has to write in dist/, and what it may leave as it is."""

import importlib.util
import inspect
import os
import sys
import time

import pytest
from pants.core.goals import package
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact
from pants.engine.fs import Digest

from pants_modelkiln.compat.known_artifact import KnownArtifact
from pants_modelkiln.compat.package_goal import (
    explain,
    find_changed,
    is_known_goal,
    portions,
    remember,
    remove_dangling,
)

PATHS = ("rain/rain.oci", "rain/rain.package.json")


def built(digest="a", paths=PATHS, shared=(".store",), kind=KnownArtifact):
    more = (shared,) if kind is KnownArtifact else ()
    return BuiltPackage(Digest(digest * 64, 1), tuple(kind(path, (), *more) for path in paths))


def write(dist, path, text):
    (dist / path).parent.mkdir(parents=True, exist_ok=True)
    (dist / path).write_text(text)


def settle():
    """Wait until a later change is sure to have another time: file systems count in ticks of up to 10 ms."""
    time.sleep(0.06)


@pytest.fixture
def dist(tmp_path):
    """A folder with a package in it that was written by this process."""
    write(tmp_path, "rain/rain.oci/index.json", "{}")
    write(tmp_path, "rain/rain.oci/blobs/sha256/abc", "abc")
    write(tmp_path, "rain/rain.package.json", "{}")
    os.symlink("/store", tmp_path / ".store")
    os.symlink("../../../../.store/def", tmp_path / "rain/rain.oci/blobs/sha256/def")
    remember(str(tmp_path), [built()])
    settle()
    return tmp_path


def changed(dist, *packages):
    return find_changed(str(dist), packages)


def test_what_nobody_touched_is_not_written_again(dist):
    """And what was never written is."""
    assert [] == changed(dist, built())
    other = built(paths=("sun/sun.oci",))
    assert [other] == changed(dist, built(), other)


def test_another_digest_is_written(dist):
    """The same paths with other content."""
    assert [built("b")] == changed(dist, built("b"))


def _relink(path):
    path.unlink()
    path.symlink_to("/elsewhere")


@pytest.mark.parametrize(
    ("path", "touch"),
    (
        ("rain/rain.package.json", lambda path: path.unlink()),
        ("rain/rain.package.json", lambda path: path.write_text("[]")),
        ("rain/rain.package.json", lambda path: path.chmod(0o600)),
        ("rain/rain.oci/more", lambda path: path.write_text("more")),
        ("rain/rain.oci/empty", lambda path: path.mkdir()),
        ("rain/rain.oci/blobs/sha256/def", _relink),
        (".store", _relink),
        (".store", lambda path: path.unlink()),
    ),
)
def test_what_somebody_touched_is_written_again(dist, path, touch):
    """A file that is gone, changed or has other modes, one too many, another link; also outside of the package."""
    touch(dist / path)
    assert [built()] == changed(dist, built())


def test_a_change_that_hides_its_time_is_found(dist):
    """The time of the inode's change cannot be set."""
    path = dist / "rain/rain.package.json"
    before = path.stat()
    path.write_text("[]")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [built()] == changed(dist, built())


def test_what_another_package_shares_may_be_written_again(dist):
    """A shared file that a second package brought anew is not a change of the first."""
    for path in (".blobs/abc", "one", "other"):
        write(dist, path, "abc")
    one, other = built("1", ("one",), (".blobs/abc",)), built("2", ("other",), (".blobs/abc",))
    remember(str(dist), [one])
    settle()
    (dist / ".blobs/abc").unlink()
    write(dist, ".blobs/abc", "abc")
    assert [one] == changed(dist, one)
    remember(str(dist), [other])
    assert [] == changed(dist, one, other)


def test_what_was_not_there_when_it_was_noted_is_written(dist):
    """Nothing shows whether it is as it should be."""
    remember(str(dist), [built(paths=("gone",))])
    assert [built(paths=("gone",))] == changed(dist, built(paths=("gone",)))


def test_packages_that_do_not_declare_their_paths_are_always_written(dist):
    """As a `pex_binary`, whose digest may hold more than its artifact."""
    binary = built(paths=("tool.pex",), kind=BuiltPackageArtifact)
    write(dist, "tool.pex", "pex")
    remember(str(dist), [binary])
    assert [binary] == changed(dist, built(), binary)


def test_packages_in_each_others_way_are_all_written(dist):
    """So that merging them fails, as it does in Pants."""
    assert [built(), built("b")] == changed(dist, built(), built("b"))


def test_a_shared_link_that_leads_nowhere_is_removed(dist):
    """And one that leads somewhere stays, and so does what packages do not share."""
    remove_dangling(str(dist), [built(shared=())])
    assert (dist / ".store").is_symlink()
    remove_dangling(str(dist), [built()])
    assert not (dist / ".store").is_symlink()
    (dist / ".store").symlink_to(dist)
    remove_dangling(str(dist), [built()])
    assert (dist / ".store").is_symlink()


def test_records_that_ask_for_it_are_compared_with_those_in_dist(dist):
    """Before they are replaced; of packages that do not ask, nothing is read."""
    assert [] == explain(str(dist), [built()])
    asking = BuiltPackage(Digest("a" * 64, 1), (KnownArtifact(PATHS[1], (), explained=b'{"layers": []}'),))
    (text,) = explain(str(dist), [asking])
    assert text.startswith("Why rain/rain.package.json:\n  there is no record of the last time")


def test_many_packages_are_made_in_portions():
    """Each of them is in one, in the order of all."""
    assert [range(100), range(100, 200), range(200, 201)] == portions(range(201))
    assert [] == portions(())


def test_the_goal_of_this_release_is_known():
    """Seen by what it names, before its code is exchanged: its module is read anew."""
    spec = importlib.util.spec_from_file_location("pants_package_anew", package.__file__)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert is_known_goal(inspect.unwrap(module.package_asset))


async def _goal_that_signs(workspace, dist_dir):
    package.sign(workspace, dist_dir)


async def _goal_with_options(workspace, dist_dir, options):
    workspace.write_digest(dist_dir)


def test_a_goal_that_does_more_is_not_known():
    """One that calls something else or takes something else, and what is no function at all."""
    assert [False, False, False] == [is_known_goal(one) for one in (_goal_that_signs, _goal_with_options, print)]
