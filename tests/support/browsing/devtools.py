"""A real browser that is spoken to while it runs, by the DevTools protocol over two pipes.

https://chromedevtools.github.io/devtools-protocol; with `--remote-debugging-pipe` messages go in by file descriptor 3
and come out of 4, each with a NUL at its end.
"""

import json
import os
import subprocess
from contextlib import contextmanager

from components import require

__all__ = ["Tab", "open_tab"]

# Debian's, as root and without a display; whatever it would fetch of its own is turned off.
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--hide-scrollbars",
)  # fmt: skip


class Tab:
    """An empty page, and what is done with it."""

    def __init__(self, reader, writer):
        self._reader, self._writer, self._rest = reader, writer, b""
        self._number, self._session = 0, None
        self._answers, self._events = {}, set()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method, **parameters):
        """Call a method and return its result; an error of the browser is one of the test."""
        number = self.send(method, **parameters)
        while number not in self._answers:
            self._read()
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def send(self, method, **parameters):
        """Call a method, whose result comes later; returns its number for `has` and `take`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message.update({"sessionId": self._session} if self._session else {})
        self._writer.write(json.dumps(message).encode() + b"\0")
        self._writer.flush()
        return self._number

    def has(self, number):
        """Whether the result of a method has come."""
        return number in self._answers

    def take(self, number):
        """Return the result of a method that has come."""
        return self._answers.pop(number)["result"]

    def open(self, path):
        """Load a file, to the end of its scripts."""
        self._events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while "Page.loadEventFired" not in self._events:
            self._read()

    def ask(self, expression):
        """Return the value of an expression of JavaScript, a promise's when it is kept."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def move(self, x, y):
        """Move the mouse."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def size(self, width, height):
        """Set the size of the window's inside."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, kind="screen", scheme="light"):
        """Show it as on a screen or on paper, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def _read(self):
        while b"\0" not in self._rest:
            data = self._reader.read1(1 << 16)
            assert data, "the browser has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        found = json.loads(message)
        if "id" in found:
            self._answers[found["id"]] = found
        else:
            self._events.add(found["method"])


@contextmanager
def open_tab(folder, *options):
    """Give a Tab of a browser of its own, which has its files in `folder` and is ended afterwards."""
    inside, writer = os.pipe()
    reader, outside = os.pipe()
    command = [require("chromium"), *_OPTIONS, f"--user-data-dir={folder}/profile", *options]
    # 3 and 4 in the browser, whatever they are here.
    script = f'exec "$@" 3<&{inside} 4>&{outside}'
    with subprocess.Popen(
        ["/bin/bash", "-c", script, "bash", *command],
        pass_fds=(inside, outside),
        stderr=subprocess.DEVNULL,
        env={"HOME": str(folder), "PATH": os.environ.get("PATH", "")},
    ) as process:
        os.close(inside), os.close(outside)
        with os.fdopen(reader, "rb") as answers, os.fdopen(writer, "wb") as questions:
            try:
                yield Tab(answers, questions)
            finally:
                process.terminate()
