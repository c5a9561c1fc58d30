"""Servers of tests get a port that is theirs."""

import socket
import sys

import pytest
import servers
from servers import listening

# Like many servers, slow to start: it finds out late that its port is taken. It is another process's child.
_SERVER = """
import socket, sys, time
time.sleep(0.5)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(1000)
"""
_PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=True)"


@pytest.mark.parametrize("prefix", [(), (_PARENT,)], ids=["itself", "a child"])
def test_a_server_whose_port_another_took_is_not_mistaken_for_it(tmp_path, monkeypatch, prefix):
    """Also while it starts and the other one answers: it is started again, on another port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = iter([taken])
        free = servers.free_port
        monkeypatch.setattr(servers, "free_port", lambda: next(ports, None) or free())

        def command(port):
            return [sys.executable, "-c", *prefix, _SERVER, str(port)]

        with listening(command, tmp_path / "log", start_new_session=True) as port:
            assert port != taken
            socket.create_connection(("127.0.0.1", port)).close()
