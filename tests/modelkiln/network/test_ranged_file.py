"""Parts of files behind URLs."""

import zipfile

import pytest
from loopback.file_servers import file_server
from samples.wheelhouse import make_wheel

from modelkiln.network.ranged_file import open_ranged


def test_the_directory_of_a_zip_is_read_and_no_more():
    """Of a large file two pieces are asked for, and none of them is the file."""
    data = make_wheel(files={"demo/large.bin": bytes(range(256)) * 4, "demo/__init__.py": b""})
    data = bytes(1 << 20) + data  # What zipfile takes for a program before the zip.
    with file_server({"/demo.whl": data}) as server:
        with open_ranged(f"{server.url}/demo.whl", {}) as stream, zipfile.ZipFile(stream) as archive:
            assert "demo/large.bin" in archive.namelist()
            assert b"" == archive.read("demo/__init__.py")
        assert all(span for _, span in server.asked)
        assert 8 > len(server.asked)


def test_a_local_file_is_opened(tmp_path):
    """Names may be quoted."""
    (tmp_path / "a b.whl").write_bytes(b"data")
    with open_ranged((tmp_path / "a b.whl").as_uri(), {}) as stream:
        assert b"data" == stream.read()


def test_a_server_without_ranges_is_not_read():
    """The file may have gigabytes."""
    with file_server({"/demo.whl": b"data"}) as server:
        server.ranges = False
        with pytest.raises(OSError, match="gives no parts of it"):
            open_ranged(f"{server.url}/demo.whl", {})
