"""Security suites: which versions are taken, what is said of them, and where their packages stay."""

import json
import shutil

import pytest
from components import require
from samples.debs import machine_env

from modelkiln.base.debian_changes import describe_changes
from modelkiln.base.debian_index import Suite, find_fixes, lock_packages
from modelkiln.base.debian_mirrors import MIRROR_VARIABLE, fetch_debs, machine_mirrors, security_mirrors
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store

NOT_TAKEN = ["lib 1.0: a security fix in 1.1", "`security=True` takes fixes from bookworm-security"]


@pytest.fixture
def archive(archive):
    """An archive whose suite `bookworm` has a security suite with a newer `lib`."""
    archive.publish_fixes("lib")
    return archive


def suite_of(archive, **settings):
    """The suite `bookworm` of an archive."""
    return Suite("bookworm", "amd64", machine_env(), [archive.url], archive.keyring, **settings)


def locked_versions(archive, **settings):
    """The version of each package that `app` needs, by name."""
    lock = lock_packages(["app"], ["mailer"], suite_of(archive, **settings))
    return {one["name"]: one["version"] for one in lock["packages"]}


def test_the_newer_of_two_versions_is_locked(archive):
    """The security suite counts where it is asked for, and an older version in it never does."""
    released = {"app": "1.0", "data": "1.0", "lib": "1.0", "libc6": "1.0"}
    assert locked_versions(archive) == released
    assert locked_versions(archive, security=True) == {**released, "lib": "1.1"}
    archive.publish_fixes("lib", version="0.9")
    assert locked_versions(archive, security=True) == released


def test_a_security_suite_is_signed_and_there(archive):
    """One that is missing or was changed is refused, where it is asked for."""
    signed = archive.folder / "dists/bookworm-security/InRelease"
    signed.write_bytes(signed.read_bytes().replace(b"oldstable", b"newstable"))
    with pytest.raises(ModelkilnError, match="not signed by a key of"):
        locked_versions(archive, security=True)
    shutil.rmtree(signed.parent)
    with pytest.raises(ModelkilnError, match="No mirror has the security suite 'bookworm-security'. Tried file:"):
        locked_versions(archive, security=True)
    assert find_fixes([], suite_of(archive)) == {}


def test_a_security_archive_is_found_beside_its_archive():
    """`debian-security` lies beside `debian`, as on Debian's own servers."""
    beside = security_mirrors(["https://m/debian/", "file:///x"])
    assert beside == ["https://m/debian/", "file:///x", "https://m/debian-security"]


def test_apt_in_a_list_of_mirrors_stands_for_its_own():
    """A folder can be asked before, or after, what apt is configured with."""
    require("apt-get")
    env = machine_env()
    env.pop(MIRROR_VARIABLE, None)
    own = machine_mirrors(env)
    assert machine_mirrors({**env, MIRROR_VARIABLE: "file:///m apt"}) == ["file:///m", *own]


def test_what_changed_and_what_is_not_fixed_is_said(archive):
    """A changed version is named, with a word where it is a fix; a fix that is not taken is named, too."""
    old = lock_packages(["app"], ["mailer"], suite_of(archive))
    new = lock_packages(["app"], ["mailer"], suite_of(archive, security=True))
    fixes = find_fixes(old["packages"], suite_of(archive))
    assert fixes == {"lib": "1.1"}
    assert describe_changes(old, new, fixes) == ["lib 1.0 -> 1.1 (security fix)"]
    assert describe_changes(old, old, fixes) == NOT_TAKEN
    assert describe_changes(None, new, {}) == []
    assert describe_changes(new, {**new, "packages": new["packages"][1:]}, {}) == ["app 1.0 -> none"]


def lock_command(archive, folder, *options):
    """The arguments that lock `app` of an archive into `folder`."""
    (folder / "demo.packages").write_text("app\n-mailer\n")
    return [
        "build", "debian-lock", f"--packages={folder / 'demo.packages'}", "--suite=bookworm", "--architecture=amd64",
        f"--output={folder / 'lock.json'}", f"--summary={folder / 'summary.json'}", f"--mirror={archive.url}",
        f"--keyring={archive.keyring}", *options,
    ]  # fmt: skip


def test_packages_of_a_security_suite_are_kept(archive, tmp_path):
    """The store has them from the lock on; without one that is there, nothing is said to have changed."""
    store = Store(tmp_path / "store")
    store.root.mkdir()
    assert main(lock_command(archive, tmp_path, "--security", f"--store={store.root}")) == 0
    packages = json.loads((tmp_path / "lock.json").read_text())["packages"]
    assert all(store.verify("sha256:" + one["sha256"]) for one in packages)
    assert json.loads((tmp_path / "summary.json").read_text()) == []


def test_a_lock_that_cannot_be_read_is_replaced(archive, tmp_path):
    """The summary compares with the lock that is there, which may be anything."""
    (tmp_path / "known.json").write_text("{")
    assert main(lock_command(archive, tmp_path, f"--known={tmp_path / 'known.json'}")) == 0
    assert json.loads((tmp_path / "summary.json").read_text()) == NOT_TAKEN


def test_a_fix_is_found_after_it_was_released(archive, tmp_path):
    """With a point release a fix moves from the security archive to the suite's, where it is the same file."""
    lock = lock_packages(["app"], ["mailer"], suite_of(archive, security=True))
    (archive.folder / "pool/updates/lib_1.1_all.deb").rename(archive.folder / "pool/lib_1.1_all.deb")
    store = Store(tmp_path / "store")
    fetch_debs(lock["packages"], store, {**machine_env(), MIRROR_VARIABLE: archive.url})
    assert all(store.verify("sha256:" + one["sha256"]) for one in lock["packages"])


def test_a_folder_is_a_mirror_of_locked_packages(archive, tmp_path, monkeypatch, capsys):
    """`modelkiln mirror` fills it by hash, once; packages come from it when the archive has lost them."""
    assert main(lock_command(archive, tmp_path, "--security")) == 0
    (tmp_path / "store").mkdir()
    monkeypatch.setenv(MIRROR_VARIABLE, archive.url)
    command = ["mirror", str(tmp_path / "lock.json"), "-o", str(tmp_path / "kept"), f"--store={tmp_path / 'store'}"]
    assert main(command) == 0
    changed = tmp_path / "kept/pool/libc6_1.0_all.deb"
    changed.write_bytes(b"x" * changed.stat().st_size)
    assert main(command) == 0
    assert [line.partition(": ")[2] for line in capsys.readouterr().err.splitlines() if "kept" in line] == [
        "4 packages, 4 of them new",
        "4 packages, 1 of them new",
    ]
    assert changed.stat().st_mode & 0o777 == 0o644
    shutil.rmtree(archive.folder / "pool")
    packages = json.loads((tmp_path / "lock.json").read_text())["packages"]
    mirror = {**machine_env(), MIRROR_VARIABLE: f"{archive.url} {(tmp_path / 'kept').as_uri()}"}
    fetch_debs(packages, Store(tmp_path / "other"), mirror)


def test_a_mirror_of_what_nobody_has_is_refused(archive, tmp_path, monkeypatch, capsys):
    """The error names package and addresses, and the folder gets nothing."""
    assert main(lock_command(archive, tmp_path)) == 0
    shutil.rmtree(archive.folder / "pool")
    (tmp_path / "store").mkdir()
    monkeypatch.setenv(MIRROR_VARIABLE, archive.url)
    command = ["mirror", str(tmp_path / "lock.json"), "-o", str(tmp_path / "kept"), f"--store={tmp_path / 'store'}"]
    assert main(command) == 1
    assert f"Debian package app 1.0: no mirror has the pinned file. Tried {archive.url}" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()
