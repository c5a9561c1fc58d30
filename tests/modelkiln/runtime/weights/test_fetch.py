"""Fetching over bad lines, from servers that lie, by several processes, into stores that cannot be written."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from components import require
from loopback.file_servers import file_server
from loopback.registries import served

PIECE = 16 << 20
DATA = os.urandom(1 << 20) * 40 + b"end"  # Three pieces.


@pytest.fixture
def server():
    """A server that holds one file of three pieces."""
    with file_server({"/large.bin": DATA}) as found:
        yield found


@pytest.fixture
def package(make_lazy_package, server):
    """A package with this file."""
    return make_lazy_package({"large.bin": DATA}, lambda path: [{"url": f"{server.url}/{path}"}])


def fetched(package):
    """Whether the file is in the store, whole and under its name, and nothing else is."""
    blobs = list(package.store.glob("sha256/*/*"))
    return [hashlib.sha256(DATA).hexdigest()] == [hashlib.sha256(blob.read_bytes()).hexdigest() for blob in blobs]


def refused(package, **settings):
    """Fetch, expecting a refusal after which the store has no such file; returns the message."""
    message = package.run("fetch", check=1, **settings).stderr.decode()
    assert [] == list(package.store.glob("sha256/*/*"))
    assert "Traceback" not in message
    return message


def test_a_cut_line_is_taken_up_where_it_broke(package, server):
    """A piece goes on from its last byte, and is not asked for anew."""
    server.cuts = [100_000, 200_000, 300_000]
    package.run("fetch", check=0)
    assert fetched(package)
    starts = sorted(int(asked[6:].partition("-")[0]) for _, asked in server.asked)
    assert 6 == len(starts)
    assert {0, PIECE, 2 * PIECE} < set(starts)
    assert sum(start % PIECE for start in starts) == 600_000


def test_a_server_without_ranges_is_read_in_order(package, server):
    """One answer brings all of it; after a cut it is asked again, and what was there stays."""
    server.ranges, server.cuts = False, [0, PIECE + 5]
    assert package.run("fetch", check=0).stdout.startswith(b"1 file is in ")
    assert fetched(package)


def test_a_passing_error_is_waited_for(package, server):
    """An overloaded server is asked again."""
    server.statuses = [503, 500, 429]
    package.run("fetch", check=0)
    assert fetched(package)


def test_a_server_that_always_fails_is_reported(package, server):
    """The message names the place and what it said."""
    server.statuses = [500] * 100
    assert f"{server.url}/large.bin: HTTP 500" in refused(package)


def test_a_redirect_loop_is_reported(package, server):
    """It ends."""
    server.loop = True
    assert "HTTP 302" in refused(package)


def test_other_bytes_are_refused(package, server):
    """Bytes with another digest get no name in the store, and nothing of them stays."""
    server.files["/large.bin"] = DATA[:-1] + b"x"
    message = refused(package)
    assert f"{server.url}/large.bin: has sha256 " in message
    assert hashlib.sha256(DATA).hexdigest() in message
    assert [] == os.listdir(package.store / "incoming")


@pytest.mark.parametrize("ranges", [True, False])
def test_another_size_is_refused_at_once(package, server, ranges):
    """Nothing is read of a file that has another size."""
    server.files["/large.bin"], server.ranges = DATA[:-1], ranges
    assert f"want {len(DATA)}" in refused(package) or ranges
    assert len(server.asked) == 1


def test_what_a_liar_left_is_not_mixed_with_the_truth(make_lazy_package, server):
    """A mirror that sends other bytes and then breaks is followed by a place that is right."""
    with file_server({"/large.bin": b"x" * len(DATA)}) as liar:
        liar.cuts = [PIECE, 100, 100] + [0] * 100
        package = make_lazy_package({"large.bin": DATA}, lambda path: [{"url": f"{server.url}/{path}"}])
        package.run("fetch", check=0, MODELKILN_WEIGHTS_URL=liar.url)
    assert fetched(package)


def test_a_missing_file_is_reported_with_every_place(package, server):
    """All places are named, with what was wrong, and what to do."""
    del server.files["/large.bin"]
    message = refused(package, MODELKILN_WEIGHTS_URL="/nowhere")
    assert "file:///nowhere/large.bin: No such file or directory" in message
    assert f"{server.url}/large.bin: HTTP 404" in message
    assert "MODELKILN_WEIGHTS_URL" in message and "MODELKILN_STORE" in message


def test_a_signature_in_a_url_stays_out_of_messages(make_lazy_package, server):
    """What follows `?` may give access."""
    package = make_lazy_package({"none.bin": b"1"}, lambda path: [{"url": f"{server.url}/{path}?signature=secret"}])
    assert "secret" not in refused(package)


def test_a_login_of_netrc_is_sent(package, server, tmp_path):
    """Servers that ask for a password find it where curl does."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password x\n")
    (tmp_path / "netrc").chmod(0o600)
    package.run("fetch", check=0, NETRC=str(tmp_path / "netrc"))
    assert "Basic YWRhOng=" == server.headers["Authorization"]


def test_a_killed_fetch_is_resumed(package, server):
    """After kill -9 in the middle the next process asks for what is missing alone."""
    server.delay = 0.01
    process = start(package)
    done = package.store / "incoming" / f"{hashlib.sha256(DATA).hexdigest()}.done"
    wait_for(lambda: done.exists() and done.read_bytes().count(b"\1") >= 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    arrived = done.read_bytes().count(b"\1")
    assert [] == list(package.store.glob("sha256/*/*"))
    server.delay, before = 0, len(server.asked)
    package.run("fetch", check=0)
    assert fetched(package)
    assert 3 - arrived == len(server.asked) - before


def test_damage_of_what_a_killed_fetch_left_is_found(package, server):
    """Pieces that a crash of the machine has spoilt cost a second fetch, and are never used."""
    incoming = package.store / "incoming"
    incoming.mkdir(parents=True)
    name = hashlib.sha256(DATA).hexdigest()
    (incoming / f"{name}.part").write_bytes(bytes(len(DATA)))
    (incoming / f"{name}.done").write_bytes(f"modelkiln 1 {PIECE} {len(DATA)}\n".encode() + b"\1\0\1")
    package.run("fetch", check=0)
    assert fetched(package)


def test_two_processes_fetch_once(package, server):
    """The second waits for the first, and says so."""
    server.delay = 0.5
    first = start(package)
    wait_for(lambda: server.asked)
    second = start(package)
    assert b"another process fetches the same weights" in second.stderr.readline()
    server.delay = 0
    errors = [process.communicate(timeout=300)[1] for process in (first, second)]
    assert [0, 0] == [first.returncode, second.returncode], errors
    assert fetched(package)
    assert 3 == len(server.asked)


def test_a_dead_process_is_followed_by_the_one_that_waits(package, server):
    """The lock of a killed process is taken over at once."""
    server.delay = 0.01
    first = start(package)
    wait_for(lambda: server.asked)
    second = start(package)
    first.send_signal(signal.SIGKILL)
    first.wait()
    server.delay = 0
    assert b"" != second.communicate(timeout=300)[0]
    assert 0 == second.returncode
    assert fetched(package)


def start(package):
    """Start `fetch` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "modelkiln.runtime", "fetch"],
        cwd=package.root,
        env=package.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(condition):
    """Wait until `condition()` holds, at most two minutes."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


@contextmanager
def isolated(package, *options):
    """Run `fetch` in bubblewrap with these options added; yields its result."""
    command = [require("bwrap"), "--dev-bind", "/", "/", "--die-with-parent", *options]
    command += [sys.executable, "-m", "modelkiln.runtime"]
    yield lambda *arguments: subprocess.run(
        [*command, *arguments], cwd=package.root, env=package.environment(), capture_output=True, check=False
    )


def test_without_a_network_the_message_says_what_to_do(package):
    """An air gap is reported with the places and two ways across."""
    with isolated(package, "--unshare-net") as run:
        result = run("fetch")
    message = result.stderr.decode()
    assert (1, b"") == (result.returncode, result.stdout)
    assert "large.bin" in message and "MODELKILN_WEIGHTS_URL" in message and "Traceback" not in message


def test_a_store_that_cannot_be_written_is_reported(package):
    """The message names MODELKILN_STORE."""
    package.store.mkdir()
    with isolated(package, "--ro-bind", str(package.store), str(package.store)) as run:
        result = run("fetch")
    message = result.stderr.decode()
    assert 1 == result.returncode
    assert f"{package.store}: Read-only file system" in message and "MODELKILN_STORE" in message


@pytest.mark.parametrize("prepared", ["fetched", "blobs alone"])
def test_a_store_that_was_filled_before_may_be_read_only(package, server, prepared):
    """A filled store is all that a package needs: neither a network nor a place to write."""
    package.run("fetch", check=0)
    if prepared == "blobs alone":
        subprocess.run(["rm", "-r", str(package.store / "views"), str(package.store / "incoming")], check=True)
    with isolated(package, "--unshare-net", "--ro-bind", str(package.store), str(package.store)) as run:
        result = run("fetch")
    assert (0, b"") == (result.returncode, result.stderr)


def test_a_full_disk_is_reported_before_anything_is_fetched(package, server):
    """Nothing is asked for that has no room."""
    package.store.mkdir()
    with isolated(package, "--size", str(1 << 20), "--tmpfs", str(package.store)) as run:
        result = run("fetch")
    assert (1, []) == (result.returncode, server.asked)
    assert b"are free on its disk" in result.stderr


def test_a_disk_that_fills_up_is_reported(make_lazy_package, server):
    """Others write too: the room may go while a fetch runs."""
    files = {"large.bin": DATA, "other.bin": DATA[1:]}
    server.files["/other.bin"] = DATA[1:]
    package = make_lazy_package(files, lambda path: [{"url": f"{server.url}/{path}"}])
    package.store.mkdir()
    # A limit on the size of a file comes at a write, as a full disk does.
    command = ["prlimit", f"--fsize={PIECE}", sys.executable, "-m", "modelkiln.runtime", "fetch"]
    result = subprocess.run(command, cwd=package.root, env=package.environment(), capture_output=True, check=False)
    assert (1, []) == (result.returncode, list(package.store.glob("sha256/*/*")))
    assert b"MODELKILN_STORE" in result.stderr and b"Traceback" not in result.stderr


def test_hugging_face_is_read_by_its_own_addresses(make_lazy_package):
    """The endpoint and the token are those of the environment, and the token stays with the endpoint."""
    with file_server({"/stored": b"2"}) as storage:

        def redirect(handler):
            headers.append((handler.path, handler.headers.get("Authorization")))
            handler.send_response(302)
            handler.send_header("Location", f"{storage.url}/stored")
            handler.end_headers()

        headers = []
        with served(redirect) as endpoint:
            package = make_lazy_package(
                {"w/weight.txt": b"2"}, lambda path: [{"url": f"hf://ada/example@abc123/{path}"}]
            )
            package.run("fetch", check=0, HF_ENDPOINT=f"http://{endpoint}", HF_TOKEN="hf_x")
    assert [("/ada/example/resolve/abc123/w/weight.txt", "Bearer hf_x")] == headers
    assert "Authorization" not in storage.headers


def test_objects_of_a_bucket_are_read_from_its_endpoint(make_lazy_package):
    """AWS_ENDPOINT_URL names the server of s3 addresses."""
    with file_server({"/bucket/a/weight.txt": b"2"}) as server:
        package = make_lazy_package({"weight.txt": b"2"}, lambda path: [{"url": f"s3://bucket/a/{path}"}])
        package.run("fetch", check=0, AWS_ENDPOINT_URL=server.url)
    assert 1 == len(list(package.store.glob("sha256/*/*")))
