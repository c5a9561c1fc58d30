"""Lazy weights: fetched at start, verified, kept in a store that packages share."""

import json
import os

import pytest
from loopback.file_servers import file_server

REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
LARGE = bytes(range(256)) * 4096 * 40  # 40 MiB: three pieces.


def answer(result):
    """The numbers of a response."""
    return json.loads(result.stdout)["outputs"][0]["data"]


@pytest.fixture
def server():
    """A server that holds one small and one large file."""
    with file_server({"/weight.txt": b"2", "/large.bin": LARGE}) as found:
        yield found


@pytest.fixture
def package(make_lazy_package, server):
    """A package with both files, which the server holds."""
    files = {name[1:]: data for name, data in server.files.items()}
    return make_lazy_package(files, lambda path: [{"url": f"{server.url}/{path}"}])


@pytest.fixture
def small(make_lazy_package, server):
    """A package with the small file alone."""
    return make_lazy_package({"weight.txt": b"2"}, lambda path: [{"url": f"{server.url}/{path}"}])


def blobs(package):
    """The names of all blobs in the package's store."""
    return sorted(path.name for path in package.store.glob("sha256/*/*"))


def test_a_start_fetches_what_is_missing(package, server):
    """The inference script finds the files by their names, and the store has them by their digests."""
    assert [6.0] == answer(package.run("predict", request=REQUEST, check=0))
    assert sorted(file["sha256"] for file in package.record["artifacts"]) == blobs(package)
    assert [] == os.listdir(package.store / "incoming")
    ranges = [asked for path, asked in server.asked if path == "/large.bin"]
    assert ["bytes=0-16777215", "bytes=16777216-33554431", "bytes=33554432-41943039"] == sorted(ranges)


# Writes down what a start opens.
WATCH = """
import sys

def note(event, arguments):
    if event == "open":
        with_store = str(arguments[0])
        if "/sha256/" in with_store or "/views/" in with_store:
            notes.append(with_store)

notes = []
sys.addaudithook(note)
import atexit
atexit.register(lambda: print("opened", notes, file=sys.stderr))
"""


@pytest.fixture
def watch(tmp_path):
    """A folder for PYTHONPATH that makes a start report which files of the store it opens."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text(WATCH)
    return tmp_path / "watch"


def test_a_second_start_asks_nobody(package, server, watch):
    """Neither the network nor the files' contents are touched again."""
    package.run("predict", request=REQUEST, check=0)
    server.asked.clear()
    path = f"{package.root}:{watch}"
    result = package.run("predict", request=REQUEST, check=0, PYTHONPATH=path)
    assert ([], [6.0]) == (server.asked, answer(result))
    opened = result.stderr.decode().splitlines()[-1]
    assert "weight.txt" in opened and "large.bin" not in opened and "/sha256/" not in opened


def test_a_file_with_its_old_size_and_time_is_read_again(small, server):
    """What a program can set of a file proves nothing: its inode and the time of its last change count, too."""
    small.run("fetch", check=0)
    server.asked.clear()
    blob = next(small.store.glob("sha256/*/*"))
    before = blob.stat()
    blob.chmod(0o644)
    blob.write_bytes(b"3")
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [6.0] == answer(small.run("predict", request=REQUEST, check=0))
    assert b"3" == (small.store / "corrupt" / blob.name).read_bytes()


def view_of(package):
    """The folder that the package's script gets."""
    return next(path for path in package.store.glob("views/*") if path.is_dir())


def put_file(view):
    """A file of its own in the place of a link."""
    (view / "weight.txt").unlink()
    (view / "weight.txt").write_text("3")


def put_link(view):
    """A link to somewhere else."""
    (view.parent / "other").write_text("3")
    (view / "weight.txt").unlink()
    (view / "weight.txt").symlink_to("../other")


@pytest.mark.parametrize("change", [put_file, put_link])
def test_what_the_script_opens_is_what_is_verified(small, change):
    """The view is read, not the store behind it; a start puts what belongs there in its place."""
    small.run("fetch", check=0)
    change(view_of(small))
    assert b"weight.txt: model artifact has sha256" in small.run("verify", check=1).stderr
    assert [6.0] == answer(small.run("predict", request=REQUEST, check=0))
    small.run("verify", check=0)


def test_a_folder_that_leads_out_of_the_view_is_replaced(make_lazy_package, server, tmp_path):
    """Files in folders lie in folders of the view."""
    server.files["/a/weight.txt"] = b"2"
    script = (
        "import numpy\n\n"
        "def predict(inputs, model):\n"
        "    weight = float((model / 'a/weight.txt').read_text())\n"
        "    return {'y': inputs['x'].sum(axis=1) * numpy.float32(weight)}\n"
    )
    package = make_lazy_package({"a/weight.txt": b"2"}, lambda path: [{"url": f"{server.url}/{path}"}], script=script)
    package.run("fetch", check=0)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/weight.txt").write_text("3")
    folder = view_of(package) / "a"
    (folder / "weight.txt").unlink()
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert b"weight.txt: model artifact has sha256" in package.run("verify", check=1).stderr
    assert [6.0] == answer(package.run("predict", request=REQUEST, check=0))
    assert "3" == (tmp_path / "elsewhere/weight.txt").read_text()


def test_a_file_more_in_the_view_is_reported(small):
    """A script may load what it finds there."""
    small.run("fetch", check=0)
    (view_of(small) / "modeling.py").write_text("")
    assert b"modeling.py: is not in the record." in small.run("verify", check=1).stderr


def test_files_in_the_store_cannot_be_written_by_accident(package):
    """Blobs are read-only: other packages use them too."""
    package.run("fetch", check=0)
    assert {0o444} == {path.stat().st_mode & 0o777 for path in package.store.glob("sha256/*/*")}


def test_two_packages_share_what_is_equal(package, small, server):
    """A file that another package has fetched is verified once and not fetched again."""
    package.run("fetch", check=0)
    server.asked.clear()
    small.run("predict", request=REQUEST, check=0)
    assert [] == server.asked


def test_a_damaged_file_is_moved_away_and_fetched_again(small):
    """A file that is no longer as it was when it was verified is not used."""
    small.run("fetch", check=0)
    blob = next(small.store.glob("sha256/*/*"))
    blob.chmod(0o644)
    blob.write_bytes(b"3")
    assert [6.0] == answer(small.run("predict", request=REQUEST, check=0))
    assert b"3" == (small.store / "corrupt" / blob.name).read_bytes()


def test_a_file_that_was_removed_is_fetched_again(small):
    """Links to nothing are noticed."""
    small.run("fetch", check=0)
    next(small.store.glob("sha256/*/*")).unlink()
    assert [6.0] == answer(small.run("predict", request=REQUEST, check=0))


def test_info_and_verify_report_what_is_not_here(package):
    """Nothing is fetched by asking."""
    lazy = json.loads(package.run("info", check=0).stdout)["lazy"]
    assert {"store": str(package.store), "missing": ["large.bin", "weight.txt"], "missing_size": len(LARGE) + 1} == lazy
    assert b"0 model artifact files (2 more are not fetched yet)" in package.run("verify", check=0).stdout
    package.run("fetch", check=0)
    assert [] == json.loads(package.run("info", check=0).stdout)["lazy"]["missing"]
    assert b"verified sums 1.2.0: 2 model artifact files, " in package.run("verify", check=0).stdout


def test_verify_reads_what_was_fetched(small):
    """A damaged file of the store is a mismatch, and so is a lock that was edited."""
    small.run("fetch", check=0)
    blob = next(small.store.glob("sha256/*/*"))
    blob.chmod(0o644)
    blob.write_bytes(b"3")
    assert b"model artifact has sha256" in small.run("verify", check=1).stderr
    lock = small.root / ".modelkiln/weights.lock.json"
    lock.write_text(lock.read_text().replace("http:", "https:"))
    assert b"weights lock has sha256" in small.run("verify", check=1).stderr


def test_a_lock_of_other_files_than_the_record_is_refused(small):
    """What is fetched is what the package was made of."""
    lock = small.root / ".modelkiln/weights.lock.json"
    lock.write_text(lock.read_text().replace("weight.txt", "height.txt"))
    assert b"names other files than the package's record" in small.run("predict", request=REQUEST, check=1).stderr


def test_a_folder_that_is_named_is_taken_as_it_is(small, server, tmp_path):
    """The mounted files are named by MODELKILN_MODELS; nothing is fetched."""
    (tmp_path / "weight.txt").write_text("2")
    result = small.run("predict", request=REQUEST, check=0, MODELKILN_MODELS=str(tmp_path))
    assert ([6.0], []) == (answer(result), server.asked)


@pytest.mark.parametrize("name", ["sha256/{}/{}", "sha256/{1}", "weight.txt"])
def test_a_mirror_is_asked_first(small, server, name):
    """MODELKILN_WEIGHTS_URL names a store that is served, or a folder by digests, or by names."""
    sha256 = small.record["artifacts"][0]["sha256"]
    server.files[f"/mirror/{name.format(sha256[:2], sha256)}"] = b"2"
    small.run("fetch", check=0, MODELKILN_WEIGHTS_URL=f"http://127.0.0.1:1,{server.url}/mirror/")
    assert {"/mirror"} == {path[:7] for path, _ in server.asked}


def test_a_mirror_can_be_a_folder(small, server, tmp_path):
    """A path needs no server."""
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/weight.txt").write_text("2")
    small.run("fetch", check=0, MODELKILN_WEIGHTS_URL=str(tmp_path / "mirror"))
    assert [] == server.asked


def test_a_bundled_package_has_nothing_to_fetch(make_package):
    """The command is there for every package."""
    assert b"nothing to fetch" in make_package().run("fetch", check=0).stdout


def test_a_server_of_its_own_gets_the_folder(small):
    """`model_folder` is what an image's own server calls."""
    import subprocess
    import sys

    code = "from modelkiln.runtime.models import model_folder; print((model_folder() / 'weight.txt').read_text())"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=small.root, env=small.environment(), capture_output=True, check=True)
    assert b"2\n" == result.stdout


def test_what_the_lock_has_itself_is_asked_of_nobody(make_lazy_package, server):
    """Such as the signature of the files: it lies next to them, and no mirror is asked for it."""
    own = {"url": "data:;base64,eyJzIjoxfQ=="}
    package = make_lazy_package(
        {"weight.txt": b"2", "model.sig": b'{"s":1}'},
        lambda path: [own if path == "model.sig" else {"url": f"{server.url}/{path}"}],
    )
    package.settings["MODELKILN_WEIGHTS_URL"] = server.url
    assert [6.0] == answer(package.run("predict", request=REQUEST, check=0))
    (found,) = (package.store / "views").rglob("model.sig")
    assert (b'{"s":1}', b"2") == (found.read_bytes(), (found.parent / "weight.txt").read_bytes())
    assert [] == [path for path, _ in server.asked if "model.sig" in path]


@pytest.mark.parametrize(
    "url, reason",
    [
        ("data:;base64,eyJzIjoyfQ==", b"the package: has sha256"),
        ("data:;base64,?", b"the package: has something else than base64"),
        ("data:;base64,eyJz", b"the package: has 3 bytes, want 7"),
    ],
)
def test_what_the_lock_has_itself_is_verified(make_lazy_package, url, reason):
    """As what comes from elsewhere is."""
    package = make_lazy_package({"model.sig": b'{"s":1}'}, lambda path: [{"url": url}])
    assert reason in package.run("fetch", check=1).stderr
