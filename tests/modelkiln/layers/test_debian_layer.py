"""The base layer, from the pinned packages of this repository."""

import io
import json
import os
import subprocess
import tarfile

import pytest
import zstandard
from components import require
from measuring.memory import peak_memory
from samples.debs import pinned_lock, put_deb

from modelkiln.base.debian_lock import python_of
from modelkiln.base.debian_scripts import dpkg_status
from modelkiln.layers import debian
from modelkiln.recipe import DEBIAN, Recipe
from modelkiln.store.store import Store

CHECK = """
import bz2, ctypes, json, lzma, os, socket, sqlite3, ssl, tempfile
ctypes.CDLL("libstdc++.so.6")
print(json.dumps({
    "authorities": len(ssl.create_default_context().get_ca_certs()),
    "sql": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone(),
    "temporary": tempfile.gettempdir(), "user": os.path.expanduser("~"),
    "port": socket.getservbyname("https"), "cached": os.path.exists(json.__cached__),
    "source": json.dumps.__code__.co_filename, "shell": os.path.exists("/bin/sh"),
}))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The store, the layer and the unpacked root of the pinned base."""
    folder = tmp_path_factory.mktemp("base")
    store = Store(folder / "store")
    layer = debian.build(debian.recipe(pinned_lock(), "zstd"), store)
    root = folder / "root"
    root.mkdir()
    unpacked = zstandard.ZstdDecompressor().stream_reader(store.open(layer.descriptor.digest), closefd=True)
    with unpacked, tarfile.open(fileobj=unpacked, mode="r|") as tar:
        tar.extractall(root, **({"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}))
    return store, layer, root


def run_inside(root, code):
    """Run Python code in the root as the image's user, and return what it prints."""
    command = [require("bwrap"), "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    command += ["--tmpfs", "/tmp", "--unshare-all", "--die-with-parent", "--uid", "65532", "--gid", "65532"]
    done = subprocess.run(
        [*command, "/usr/bin/python3.11", "-I", "-c", code], env={}, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def test_python_starts_without_a_shell_and_has_its_libraries(base):
    """The pinned base runs Python as a user, with TLS authorities, SQLite and byte code."""
    found = run_inside(base[2], CHECK)
    assert found.pop("authorities") > 100
    assert found == {
        "sql": [42],
        "temporary": "/tmp",
        "user": "/home/nonroot",
        "port": 443,
        "cached": True,
        "source": "/usr/lib/python3.11/json/__init__.py",
        "shell": False,
    }


def test_dpkg_lists_the_packages(base):
    """dpkg-query reads the layer's database, as scanners do."""
    root = base[2]
    command = [require("dpkg-query"), "--admindir", str(root / "var/lib/dpkg"), "-W"]
    command += ["-f", "${Package} ${Version} ${db:Status-Status}\n"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    assert listed == [f"{one['name']} {one['version']} installed" for one in pinned_lock()["packages"]]


def test_licences_stay_and_manuals_go(base):
    """Of the documentation only the copyright files are kept, one for each package."""
    root = base[2]
    docs = root / "usr/share/doc"
    for package in pinned_lock()["packages"]:
        assert (docs / package["name"] / "copyright").is_file(), package["name"]
    assert not (root / "usr/share/man").exists()
    assert {path.name for path in docs.glob("*/*")} == {"copyright"}


def test_what_no_model_needs_goes(base):
    """Tables of old character sets, texts of help() and the standard library's tests are left out."""
    root = base[2]
    library = root / "usr/lib/python3.11"
    assert [] == list(root.glob("usr/lib/*/gconv"))
    assert not any((library / name).exists() for name in ("pydoc_data", "test"))
    assert (library / "unittest/__init__.py").is_file()


def test_no_link_of_the_base_dangles_into_usr(base):
    """The merged /usr leaves every link with a target, but for those into run-time folders."""
    root = base[2]
    dangling = []
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                target = os.readlink(path)
                start = str(root) if target.startswith("/") else folder
                if not os.path.lexists(os.path.normpath(f"{start}/{target.lstrip('/')}")):
                    dangling.append(os.path.relpath(path, root))
    assert [path for path in dangling if path.startswith(("usr/", "lib", "bin"))] == []


def test_the_layer_is_the_same_again(base, tmp_path, monkeypatch):
    """Another store, working folder, umask and time zone give the same bytes."""
    store, layer, _ = base
    other = Store(tmp_path / "elsewhere")
    for package in pinned_lock()["packages"]:
        path = other.path("sha256:" + package["sha256"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(store.path("sha256:" + package["sha256"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    old = os.umask(0o077)
    try:
        again = debian.build(layer.recipe, other)
    finally:
        os.umask(old)
    assert again == layer


def test_a_process_stays_below_150_megabytes(base, tmp_path):
    """A base layer is made in constant memory: peak RSS of a fresh process."""
    store, layer, _ = base
    script = (
        "import sys\n"
        "from modelkiln.layers.recipe import build\n"
        "from modelkiln.recipe import Recipe\n"
        "from modelkiln.store.store import Store\n"
        "build(Recipe(sys.argv[2]), Store(sys.argv[1]))"
    )
    assert peak_memory(script, store.root, layer.recipe.text) < 150 * 1024


def base_of(store, members, **settings):
    """The entries of a base made of one package with `members`, by path."""
    package = put_deb(store, members, name="python3.11-minimal", **settings)
    lock = {**pinned_lock(), "packages": [package]}
    recipe = Recipe.made_by(DEBIAN, {"compression": "none", "lock": lock, "bytecode": None})
    data = store.open(debian.build(recipe, store).descriptor.digest).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {
            info.name: (info.mode, info.linkname, tar.extractfile(info).read() if info.isreg() else None)
            for info in tar
        }


def test_modes_owners_and_links_are_made_plain(tmp_path):
    """Modes become 0644 and 0755, hard links copies, links of /lib right from /usr/lib."""
    found = base_of(
        Store(tmp_path),
        [
            ("./usr/bin/tool", {"data": b"#!", "mode": 0o700}),
            ("./usr/bin/same", {"type": tarfile.LNKTYPE, "linkname": "./usr/bin/tool"}),
            ("./lib/deep/a", {"type": tarfile.SYMTYPE, "linkname": "../../usr/share/x"}),
            ("./lib/deep/b", {"type": tarfile.SYMTYPE, "linkname": "../near"}),
            ("./etc/secret", {"data": b"s", "mode": 0o600}),
            ("./var/mail/", {"type": tarfile.DIRTYPE, "mode": 0o2775}),
            ("./usr/share/man/man1/x.1", b"manual"),
        ],
    )
    assert found["usr/bin/tool"] == found["usr/bin/same"] == (0o755, "", b"#!")
    assert found["usr/lib/deep/a"][1] == "../../share/x"
    assert found["usr/lib/deep/b"][1] == "../near"
    assert found["etc/secret"][0] == 0o644
    assert found["var/mail"][0] == 0o755
    assert found["tmp"][0] == found["var/tmp"][0] == 0o1777
    assert found["lib"][1] == "usr/lib"
    assert not {"usr/share/man", "app", "models", "opt/venv"} & set(found)


def test_the_bundle_is_assembled_in_order(tmp_path):
    """Certificates are joined by name, whatever their order in the package."""
    begin = b"-----BEGIN CERTIFICATE-----\n"
    found = base_of(
        Store(tmp_path),
        [
            ("./usr/share/ca-certificates/mozilla/B.crt", begin + b"b"),
            ("./usr/share/ca-certificates/mozilla/A.crt", begin + b"a\n"),
        ],
    )
    assert found["etc/ssl/certs/ca-certificates.crt"][2] == begin + b"a\n" + begin + b"b\n"
    assert found["usr/lib/ssl/cert.pem"][1] == "/etc/ssl/certs/ca-certificates.crt"
    assert "usr/share/ca-certificates/mozilla/A.crt" not in found


def test_the_database_has_a_status_line_for_each_package():
    """dpkg's database is the control paragraphs, sorted, each marked as installed."""
    text = dpkg_status(["Package: b\nVersion: 2", "Package: a\nVersion: 1"])
    assert text == (
        b"Package: a\nStatus: install ok installed\nVersion: 1\n\n"
        b"Package: b\nStatus: install ok installed\nVersion: 2\n"
    )


def test_the_pinned_base_is_for_python_3_11():
    """The repository's base has the Python that its name says."""
    assert python_of(pinned_lock()) == "3.11"


def test_a_package_may_bring_the_links_of_the_merged_usr(tmp_path):
    """As base-files does since trixie: the base has them anyway, and what others put below stays."""
    link = {"type": tarfile.SYMTYPE, "linkname": "usr/bin"}
    program = {"mode": 0o755, "data": b"#!"}
    members = [("./usr/bin/tool", program), ("./bin", link), ("./lib64", {**link, "linkname": "usr/lib64"})]
    found = base_of(Store(tmp_path), members)
    assert ("usr/bin", "usr/lib64", b"#!") == (found["bin"][1], found["lib64"][1], found["usr/bin/tool"][2])
