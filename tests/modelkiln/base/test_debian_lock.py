"""Locks of Debian packages: made from a signed archive, read with care, fetched by hash."""

import json
import lzma

import pytest
from components import require
from samples.debian.archive import INDEX, Archive
from samples.debs import locked, machine_env, make_deb, pinned_lock

from modelkiln.base.debian_index import Suite, lock_packages
from modelkiln.base.debian_lock import (
    check_listed,
    format_lock,
    glibc_of,
    load_lock,
    lock_name,
    parse_package_list,
    python_of,
    python_release_of,
)
from modelkiln.base.debian_mirrors import MIRROR_VARIABLE, fetch_debs, machine_mirrors
from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.store.store import Store


def lock_from(archive, names, left_out=("mailer",), **settings):
    """Lock `names` in `archive`."""
    settings = {"keyring": archive.keyring, **settings}
    return lock_packages(names, left_out, Suite("bookworm", "amd64", machine_env(), [archive.url], **settings))


def test_dependencies_are_followed_but_for_those_left_out(archive):
    """A lock holds a package and all it needs, with hashes, and no address."""
    lock = lock_from(archive, ["app"])
    assert [package["name"] for package in lock["packages"]] == ["app", "data", "lib", "libc6"]
    assert lock["packages"][0] == locked(archive.debs["app"], "app")
    assert archive.url not in format_lock(lock)
    assert load_lock(format_lock(lock), "x.lock.json") == lock


def test_a_named_package_may_provide_what_is_needed(archive):
    """A virtual package is met by a package in the list."""
    lock = lock_from(archive, ["app", "postbox"], left_out=())
    assert "postbox" in [package["name"] for package in lock["packages"]]


@pytest.mark.parametrize(
    "names, message",
    [
        (["app"], "Package app needs mailer, which the suite lacks or has only as a virtual package"),
        (["stuck"], "Package stuck needs lib (>= 99)"),
        (["nothing", "app"], "Not in the suite: nothing. Fix the package list or the suite."),
    ],
)
def test_a_dependency_that_cannot_be_met_is_reported(archive, names, message):
    """What is neither there nor left out stops the lock, with the line to write."""
    with pytest.raises(ModelkilnError) as caught:
        lock_from(archive, names, left_out=())
    assert message in str(caught.value)


def test_components_of_a_suite_are_read_in_their_order(archive):
    """What only a further component has is found there; one that the suite lacks is refused by its name."""
    archive.publish({name: fields for name, fields in INDEX.items() if name != "data"}, more=["data", "lib"])
    lock = lock_from(archive, ["app"], components=("main", "contrib"))
    assert ["app", "data", "lib", "libc6"] == [package["name"] for package in lock["packages"]]
    with pytest.raises(ModelkilnError, match="Package app needs data"):
        lock_from(archive, ["app"])
    with pytest.raises(ModelkilnError, match="has no packages for 'amd64' in its component 'free'"):
        lock_from(archive, ["app"], components=("free",))


def test_the_python_that_a_suite_has_is_named(archive):
    """Where another is asked for, since each release of Debian has its own."""
    index = {"python3.11-minimal": ""}
    archive.debs.update({name: make_deb([("./usr/x", b"")], name=name) for name in index})
    archive.publish(index)
    with pytest.raises(ModelkilnError, match="Not in the suite: python3.13-minimal. It has python3.11-minimal. Fix"):
        lock_from(archive, ["python3.13-minimal"])


def test_a_changed_index_is_refused(archive):
    """The index is believed only with the hash that was signed."""
    path = archive.folder / "dists/bookworm/main/binary-amd64/Packages.xz"
    path.write_bytes(lzma.compress(lzma.decompress(path.read_bytes()).replace(b"1.0", b"6.6")))
    with pytest.raises(ModelkilnError, match="is not the index that the signed InRelease names"):
        lock_from(archive, ["app"])


def test_a_changed_signature_or_another_key_is_refused(archive, tmp_path):
    """Neither a text that was changed after signing nor another archive's key is accepted."""
    path = archive.folder / "dists/bookworm/InRelease"
    (tmp_path / "b").mkdir()
    with pytest.raises(ModelkilnError, match="not signed by a key of"):
        lock_from(archive, ["app"], keyring=Archive(tmp_path / "b").keyring)
    path.write_bytes(path.read_bytes().replace(b"oldstable", b"newstable"))
    with pytest.raises(ModelkilnError, match="not signed by a key of"):
        lock_from(archive, ["app"])
    with pytest.raises(ModelkilnError, match="no keyring there"):
        lock_from(archive, ["app"], keyring=tmp_path / "nowhere.gpg")


def test_another_suite_under_this_name_is_refused(archive):
    """A mirror cannot answer with another suite that the archive has signed as well."""
    archive.publish(INDEX, codename="buzz")
    with pytest.raises(ModelkilnError, match="is of suite 'buzz', want 'bookworm'"):
        lock_from(archive, ["app"])


def test_the_command_writes_a_lock_and_reports_changes(archive, tmp_path, capsys):
    """`--check` is quiet about an up-to-date lock, and names what would change in another."""
    packages, output = tmp_path / "demo.packages", tmp_path / "demo.lock.json"
    packages.write_text("app  # the program\n\n-mailer\n")
    command = ["build", "debian-lock", "--packages", str(packages), "--suite", "bookworm"]
    command += ["--architecture", "amd64", "--output", str(output), "--mirror", archive.url]
    command += ["--keyring", str(archive.keyring)]
    assert main(command) == 0
    assert main([*command, "--check"]) == 0
    old = json.loads(output.read_text())
    old["packages"][0]["version"] = "0.9"
    output.write_text(json.dumps(old))
    assert main([*command, "--check"]) == 1
    assert "app 0.9 -> 1.0" in capsys.readouterr().err
    packages.write_text("nothing\n")
    assert main([*command, "--where", "images:base"]) == 1
    assert "images:base: Not in the suite: nothing" in capsys.readouterr().err


def test_a_package_list_has_names_and_exceptions():
    """Comments and blank lines are skipped; a bad line is reported with its number."""
    assert parse_package_list("# all\nlibc6\n -awk # no\nlibstdc++6\n", "x") == (["libc6", "libstdc++6"], ["awk"])
    with pytest.raises(ModelkilnError, match="x:2: 'a b' is not the name of a Debian package"):
        parse_package_list("libc6\na b\n", "x")
    with pytest.raises(ModelkilnError, match="x: names no packages"):
        parse_package_list("-awk\n", "x")


@pytest.mark.parametrize(
    "change, problem",
    [
        ({"schema": 2}, "schema 2, want 1"),
        ({"suite": "../x"}, "suite '../x' is not a name"),
        ({"packages": []}, '"packages" is not a list with packages'),
        ({"extra": 1}, "not an object with exactly"),
        ({"architecture": "arm64"}, "is for 'amd64', the lock for 'arm64'"),
    ],
)
def test_a_bad_lock_is_refused(change, problem):
    """A lock that is not well-formed is refused with its name, the value and the remedy."""
    with pytest.raises(ModelkilnError) as caught:
        load_lock(json.dumps({**pinned_lock(), **change}), "base.lock.json")
    message = str(caught.value)
    assert message.startswith("base.lock.json: ") and problem in message and "pants lock" in message


@pytest.mark.parametrize(
    "key, value",
    [
        ("name", "../evil"), ("version", "1 2"), ("architecture", None), ("filename", "pool/../../x.deb"),
        ("filename", "/etc/x.deb"), ("size", True), ("size", -1), ("sha256", "ABC"), ("more", 1),
    ],
)  # fmt: skip
def test_a_bad_package_in_a_lock_is_refused(key, value):
    """Every field of a locked package is checked before anything is fetched."""
    lock = pinned_lock()
    lock["packages"][3][key] = value
    with pytest.raises(ModelkilnError, match=r"base.lock.json"):
        load_lock(json.dumps(lock), "base.lock.json")


def test_a_lock_is_sorted_and_without_repeats():
    """Order is part of a lock, so that equal lists are equal locks."""
    lock = pinned_lock()
    lock["packages"].append(lock["packages"][0])
    with pytest.raises(ModelkilnError, match="not sorted by name, or one is named twice"):
        load_lock(json.dumps(lock), "base.lock.json")
    with pytest.raises(ModelkilnError, match=r"base.lock.json: is not a lock of a base"):
        load_lock("{", "base.lock.json")


def test_a_lock_states_its_python_glibc_and_platform():
    """What wheels are chosen for is read from the lock."""
    lock = pinned_lock()
    assert (python_of(lock), glibc_of(lock)) == ("3.11", "2.36")
    assert python_release_of(lock) == "3.11.2"
    lock["packages"] = [package for package in lock["packages"] if package["name"] == "zlib1g"]
    with pytest.raises(ModelkilnError, match=r"has exactly one python3.N-minimal"):
        python_of(lock)
    with pytest.raises(ModelkilnError, match="no libc6 package, but zlib1g"):
        glibc_of(lock)


def test_packages_are_fetched_once_and_verified(archive, tmp_path):
    """The first mirror that has the right bytes wins; what is in the store is not fetched again."""
    store = Store(tmp_path / "store")
    packages = lock_from(archive, ["app"])["packages"]
    bad = tmp_path / "bad" / packages[0]["filename"]
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"x" * packages[0]["size"])
    env = {**machine_env(), MIRROR_VARIABLE: f"{(tmp_path / 'bad').as_uri()}, {archive.url}/"}
    fetch_debs(packages, store, env)
    assert all(store.verify("sha256:" + package["sha256"]) for package in packages)
    fetch_debs(packages, store, {MIRROR_VARIABLE: "file:///nowhere"})


@pytest.mark.parametrize("content", [None, b"", b"other bytes", b"x" * 100_000])
def test_a_package_that_is_gone_or_changed_is_reported(archive, tmp_path, content):
    """The error names package, version, addresses and remedy, and the store stays empty."""
    package = locked(archive.debs["lib"], "lib")
    path = archive.folder / package["filename"]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    store = Store(tmp_path / "store")
    with pytest.raises(ModelkilnError) as caught:
        fetch_debs([package], store, {**machine_env(), MIRROR_VARIABLE: archive.url})
    message = str(caught.value)
    assert message.startswith("Debian package lib 1.0: no mirror has the pinned file.")
    assert f"{archive.url}/{package['filename']}" in message and "pants lock" in message
    assert not store.has("sha256:" + package["sha256"])


def test_mirrors_come_from_apt_or_the_variable():
    """apt's sources are asked, unless the variable names mirrors."""
    require("apt-get")
    assert all("://" in mirror and "/dists" not in mirror for mirror in machine_mirrors(machine_env()))
    assert machine_mirrors({MIRROR_VARIABLE: "file:///a/ file:///b"}) == ["file:///a", "file:///b"]
    with pytest.raises(ModelkilnError, match="No Debian mirror is known"):
        machine_mirrors({"PATH": "/nonexistent"})


def test_each_architecture_has_a_lock_file():
    """That of the first is the one that the target names; the others lie next to it."""
    architectures = ("amd64", "arm64")
    assert "base.lock.json" == lock_name("base.lock.json", architectures, "amd64")
    assert "base.arm64.lock.json" == lock_name("base.lock.json", architectures, "arm64")
    assert "a/base.arm64.json" == lock_name("a/base.json", architectures, "arm64")


@pytest.mark.parametrize(
    ("text", "suite", "message"),
    [
        ("libc6\nlibgomp1\n", "bookworm", "lock is stale: libgomp1 is not in it. Lock it."),
        ("python3.11-minimal\n-libc6\n", "bookworm", "it has libc6, which the list leaves out"),
        ("libc6\n", "trixie", "it is of bookworm, and the target says trixie"),
    ],
)
def test_a_lock_that_its_list_has_outgrown_is_refused(text, suite, message):
    """What the list names or leaves out and the lock does not; what fits passes."""
    lock = {"suite": "bookworm", "packages": [{"name": "libc6"}, {"name": "python3.11-minimal"}]}
    check_listed(lock, ["libc6"], ["awk"], "bookworm", "x", "")
    with pytest.raises(ModelkilnError, match=message):
        check_listed(lock, *parse_package_list(text, "x"), suite, "lock", "Lock it.")
