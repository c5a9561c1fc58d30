"""Wheels in indexes of Python packages. Uploads are in tests/e2e/test_publish_wheel.py, which has twine."""

import hashlib
import json

import pytest
from loopback.answering import answering
from loopback.indexes.package_index import LOGIN, package_index

from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.publication.wheel_index import find_index, find_sha256, publish_wheel

FILE = "acme_rain-1.0-py3-none-any.whl"
DATA = b"not really a wheel, which no index looks into"
SHA256 = hashlib.sha256(DATA).hexdigest()


def _env(address, **more):
    return {INSECURE_REGISTRIES: address, "TWINE_USERNAME": LOGIN[0], "TWINE_PASSWORD": LOGIN[1], **more}


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_of_an_index_is_found(tmp_path, algorithm):
    """By the hash of its listing, or else by its bytes; with a login where reading needs one."""
    with package_index(tmp_path / "packages", "--hash-algo", algorithm, "-a", "list,download,update") as address:
        (tmp_path / "packages" / FILE).write_bytes(DATA)
        index = find_index(f"http://{address}/", _env(address))
        assert SHA256 == find_sha256(FILE, index, _env(address))
        assert find_sha256("acme_rain-2.0-py3-none-any.whl", index, _env(address)) is None
        assert find_sha256("other-1.0-py3-none-any.whl", index, _env(address)) is None
        unknown = find_index(f"http://{address}/", {INSECURE_REGISTRIES: address})
        with pytest.raises(ModelkilnError, match=r"simple/acme-rain/: cannot be read: .*401"):
            find_sha256(FILE, unknown, _env(address))


def test_what_an_index_has_stays(tmp_path):
    """The same file is sent no second time, and of another one nothing is."""
    (tmp_path / FILE).write_bytes(DATA)
    with package_index(tmp_path / "packages") as address:
        (tmp_path / "packages" / FILE).write_bytes(DATA)
        index = find_index(f"http://{address}", _env(address))
        assert f"has {FILE} already; nothing was sent" in publish_wheel(tmp_path / FILE, index, _env(address))
        (tmp_path / "packages" / FILE).write_bytes(b"another")
        with pytest.raises(ModelkilnError, match=rf"has another {FILE}, .* and this one has {SHA256}.*`version`"):
            publish_wheel(tmp_path / FILE, index, _env(address))


@pytest.mark.parametrize(
    ("address", "listing"),
    [
        ("/", "/simple/"),
        ("/team/dev", "/team/dev/+simple/"),
        ("/pypi/upload/", "/pypi/simple/"),
        ("/legacy/", "/simple/"),
    ],
)
def test_listings_are_found_where_servers_have_them(address, listing):
    """Below the address of uploads, or beside it; in JSON where the server has that."""
    files = [{"filename": FILE, "url": "../files/x.whl", "hashes": {"sha256": SHA256}}]

    def answer(method, path, headers, body):
        if path != f"{listing}acme-rain/":
            return 404, {}, b""
        assert "application/vnd.pypi.simple.v1+json" in headers["accept"]
        return 200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, json.dumps({"files": files}).encode()

    with answering(answer) as server:
        env = _env(server.host)
        assert SHA256 == find_sha256(FILE, find_index(f"{server.url}{address}", env), env)


def test_a_login_goes_to_the_index_alone():
    """A listing may lead to files of another host."""

    def answer(method, path, headers, body):
        return 200, {"Content-Type": "text/html"}, f'<a href="{other.url}/{FILE}">{FILE}</a>'.encode()

    with answering(lambda *_: (200, {}, DATA)) as other, answering(answer) as server:
        env = _env(server.host)
        assert SHA256 == find_sha256(FILE, find_index(server.url, env), env)
        assert [""] == other.logins(FILE)
        assert server.logins("simple")[0].startswith("Basic ")


def test_an_index_is_a_section_of_pypirc(tmp_path):
    """Its address and login are there; variables count more."""
    (tmp_path / ".pypirc").write_text(
        "[internal]\nrepository = https://index.example.com/upload\nusername = ada\npassword = 1%0\n"
    )
    index = find_index("@internal", {"HOME": str(tmp_path)})
    assert ("https://index.example.com/upload/", ("ada", "1%0")) == (index.address, index.login)
    assert ("bob", "2") == find_index(
        "@internal", {"HOME": str(tmp_path), "TWINE_USERNAME": "bob", "TWINE_PASSWORD": "2"}
    ).login
    with pytest.raises(ModelkilnError, match=r"index '@other': .*\.pypirc has no section \[other\]"):
        find_index("@other", {"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("pypi", "is not an address such as"),
        ("ftp://index.example.com/", "is not an address such as"),
        ("https://ada:secret@index.example.com/", "Logins come from TWINE_USERNAME"),
        ("http://index.example.com/", r"Add index\.example\.com to \[modelkiln\]\.insecure_registries"),
    ],
)
def test_other_indexes_are_refused(named, message):
    """What is no address, has a password in it, or sends one in plain text."""
    with pytest.raises(ModelkilnError, match=message):
        find_index(named, {})
