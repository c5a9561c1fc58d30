"""Threads that wait for work: how many there are, and when they end."""

import gc
import threading

import pytest

from modelkiln.runtime.ensemble.threads import Threads


@pytest.fixture
def gate():
    """Work waits for it; open at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def occupy(threads, gate):
    """Have a thread wait for the gate, and return it once it does."""
    found, has_begun = [], threading.Event()

    def work():
        found.append(threading.current_thread())
        has_begun.set()
        gate.wait(60)

    assert threads.start(work)
    assert has_begun.wait(60)
    return found[0]


def start_soon(threads, work):
    """Start work as soon as a thread waits again."""
    pause = threading.Event()
    while not threads.start(work):
        pause.wait(0.001)


def test_there_are_no_more_threads_than_the_limit(gate):
    """A caller that gets none does the work itself, and waits for nobody."""
    threads = Threads(2)
    busy = {occupy(threads, gate), occupy(threads, gate)}
    assert (2, False) == (len(busy), threads.start(gate.wait))


def test_a_thread_works_again(gate):
    """One is made once, and not for each piece of work."""
    threads, again = Threads(1), []
    first = occupy(threads, gate)
    gate.set()
    done = threading.Event()
    start_soon(threads, lambda: (again.append(threading.current_thread()), done.set()))
    assert done.wait(60)
    assert [first] == again


def test_threads_end_when_they_are_closed(gate):
    """One that waits at once, and one at work when it has done that."""
    threads, waits = Threads(2), threading.Event()
    busy, idle = occupy(threads, gate), occupy(threads, waits)
    waits.set()
    threads.close()
    idle.join(60)
    assert (True, False) == (busy.is_alive(), idle.is_alive())
    gate.set()
    busy.join(60)
    assert not busy.is_alive()


def test_threads_end_with_what_has_them(gate):
    """Of an ensemble that nobody closes."""
    threads = Threads(1)
    thread = occupy(threads, gate)
    del threads
    gc.collect()
    gate.set()
    thread.join(60)
    assert not thread.is_alive()
