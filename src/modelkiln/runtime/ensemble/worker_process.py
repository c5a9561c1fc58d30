"""A member in a process of its own, as the ensemble calls it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

from modelkiln.runtime.ensemble.environment import process_of
from modelkiln.runtime.ensemble.errors import StepError
from modelkiln.runtime.ensemble.shared_arrays import SharedArrays

__all__ = ["WorkerProcess"]

# By its path: `-m` would have the interpreter look for its own modules in the current folder.
_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")


class WorkerProcess:
    """The process starts with the member. One that has ended is an error of the step, and the next step starts it."""

    def __init__(self, name, member, root, model):
        self._name, self._lock = name, threading.Lock()
        places = {"root": os.path.abspath(root), "model": os.path.abspath(model)}
        self._described = {"name": name, "member": member, **places}
        self._process, self._owner = None, None
        self._start()

    def ready(self):
        """Wait until the member has started; raises StepError where it cannot be."""
        with self._lock:
            try:
                self._await_start()
            except (OSError, EOFError):
                raise StepError(self._end()) from None

    def call(self, inputs):
        """Return the outputs (arrays by name) of the member for `inputs`; raises StepError."""
        with self._lock:
            try:
                if self._owner != os.getpid():  # Also after a fork: the process is the parent's.
                    self._start()
                self._await_start()
                self._send(self._inputs.write(inputs))
                answer = self._receive()
            except (OSError, EOFError):
                raise StepError(self._end()) from None
            if "error" in answer:
                raise StepError(answer["error"])
            return self._outputs.read(answer)

    def _start(self):
        python, variables = process_of(self._described["member"])
        ours, theirs = socket.socketpair()
        self._inputs, self._outputs = SharedArrays(), SharedArrays()
        fds = [theirs.fileno(), self._inputs.fd, self._outputs.fd]
        # Those that this interpreter has, as multiprocessing does: Pex starts it with -sE.
        flags = subprocess._args_from_interpreter_flags()
        argv = [python, *flags, _PROGRAM, *map(str, fds)]
        with theirs:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=fds, env=variables)
        self._stream, self._owner, self._is_ready = ours.makefile("rwb"), os.getpid(), False
        ours.close()
        # Not waited for: members start at the same time.
        self._send(self._described)

    def _await_start(self):
        if not self._is_ready:
            started = self._receive()
            if "error" in started:
                self._end()
                raise StepError(started["error"])
            self._is_ready = True

    def _send(self, document):
        self._stream.write(json.dumps(document).encode() + b"\n")
        self._stream.flush()

    def _receive(self):
        line = self._stream.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    def _end(self):
        """End what there is of the process, and return in words how it ended."""
        self.close()
        code = self._process.wait() if self._process else 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        hint = " The machine may have run out of memory." if code == -signal.SIGKILL else ""
        return f'the process of member "{self._name}" ended with {how}; what it printed is above.{hint}'

    def close(self):
        """End the process: it ends when nothing more can come."""
        if self._owner == os.getpid():
            self._owner = None
            for thing in (self._stream, self._inputs, self._outputs):
                with contextlib.suppress(OSError):  # Of a process that has ended: what was not sent cannot be.
                    thing.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
