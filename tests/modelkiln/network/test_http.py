"""What all clients of the network share."""

import email.utils
import time

import pytest

from modelkiln.runtime.weights.http import retry_after


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("", 0),
        ("0", 0),
        ("3", 3),
        ("100000000000000000000000", 120),
        ("-4", 0),
        ("1.5", 0),
        ("nan", 0),
        ("soon", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 120),
        ("Fri, 99 Dec 99999 99:99:99 GMT", 0),
    ],
)
def test_how_long_a_server_asks_to_wait(text, seconds):
    """A number of seconds or a date, within a bound; anything else says nothing (RFC 9110, 10.2.3)."""
    assert retry_after({"Retry-After": text}) == seconds


def test_a_date_is_waited_for():
    """Never less than until then, and a second more at most."""
    until = int(time.time()) + 20
    assert 18 <= retry_after({"Retry-After": email.utils.formatdate(until, usegmt=True)}) <= 20
