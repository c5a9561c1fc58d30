"""One way to read a part of a URL, with the environment's proxies and certificate authorities.

What a login is for, and how long a server asks to wait, is decided here for the engine, too.
"""

import email.utils
import functools
import http.client
import math
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress

__all__ = [
    "NETWORK_ERRORS",
    "Redirects",
    "Refused",
    "Stream",
    "explain",
    "is_final",
    "is_unreachable",
    "open_part",
    "open_url",
    "origin",
    "retry_after",
]

# A read that stalls for this long counts as a cut.
TIMEOUT_SECONDS = 60
_PASSING = (408, 425, 429, 500, 502, 503, 504)
# What reading from a network may raise: urllib's errors, time-outs, resets and TLS failures are
# OSErrors; an answer that is no HTTP is an HTTPException.
NETWORK_ERRORS = (OSError, http.client.HTTPException)


# A server may ask for more patience (Retry-After), up to this.
_LONGEST_WAIT = 120.0
_PORTS = {"http": "80", "https": "443"}
# What may be sent to any server. Other headers may hold a login, whatever their names.
_PUBLIC = frozenset({"accept", "accept-encoding", "content-type", "if-range", "range", "user-agent"})
# Made anew for each request: by http.client, and by urllib's handler of proxies.
_OF_ONE_REQUEST = frozenset({"content-length", "host", "proxy-authorization"})


class Refused(Exception):
    """A place that does not have the file, or has another one: asking it again is pointless."""


class Stream:
    """Bytes from `position` on; `partial` says whether the server sent the part alone."""

    def __init__(self, response, position, partial):
        self.response, self.position, self.partial = response, position, partial
        # What has arrived, without waiting for more: a slow server is to be noticed.
        self.read = response.read1

    def close(self):
        """Hang up."""
        self.response.close()


def origin(url):
    """Return the server of a URL, to which alone its login goes: scheme, host and port (RFC 6454).

    Raises ValueError for a port that is not a number.
    """
    parts = urllib.parse.urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), str(parts.port or _PORTS.get(scheme, ""))


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects (ten at most, and no loop: urllib's limits), but none that gives up TLS.

    A login goes along on the same origin and to no other. A body is sent again: where a batch request
    of Git LFS was moved, it is to be posted there, as git-lfs does.
    """

    # Python knows it from 3.11 on.
    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """Return the request to send next; raises HTTPError for one that must not be sent."""
        try:
            before, after = origin(req.full_url), origin(newurl)
        except ValueError as error:
            raise urllib.error.HTTPError(
                req.full_url, code, f"redirected to no address: {error}", headers, fp
            ) from None
        if after[0] not in _PORTS or (before[0], after[0]) == ("https", "http"):
            message = f"redirected from {before[0]} to {after[0]}, which is refused"
            raise urllib.error.HTTPError(req.full_url, code, message, headers, fp)
        request = urllib.request.Request(
            newurl.replace(" ", "%20"), req.data, origin_req_host=req.origin_req_host, unverifiable=True
        )
        request.method = req.get_method()
        for name, value in {**req.headers, **req.unredirected_hdrs}.items():
            if name.lower() not in _OF_ONE_REQUEST and (before == after or name.lower() in _PUBLIC):
                request.add_header(name, value)
        return request


def retry_after(headers):
    """Return the seconds that a server asks to wait, two minutes at most; 0 when it does not say.

    headers: of its answer, or None; RFC 9110, 10.2.3: a number, or a date.
    """
    text = (headers.get("Retry-After") or "").strip() if headers is not None else ""
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    seconds = 0.0
    with suppress(ValueError, OverflowError, TypeError, IndexError):  # What odd dates raise there.
        date = email.utils.parsedate_tz(text)
        seconds = math.ceil(email.utils.mktime_tz(date) - time.time()) if date else 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)


@functools.cache
def _opener():
    # OpenSSL itself reads SSL_CERT_FILE and SSL_CERT_DIR.
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    named = None if os.environ.get("SSL_CERT_FILE") else authorities
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=named or None)), Redirects
    )


def open_url(url, headers, authorization=""):
    """Open an http or https URL. `authorization` goes to its origin alone (see Redirects).

    Raises one of NETWORK_ERRORS or Refused, which is what an address that cannot be read is.
    """
    try:
        if origin(url)[0] not in _PORTS:
            raise Refused("is not an address of http or https")
        request = urllib.request.Request(url, headers={"User-Agent": "modelkiln", **headers})
        if authorization:
            request.add_header("Authorization", authorization)
        return _opener().open(request, timeout=TIMEOUT_SECONDS)
    except ValueError as error:  # Of addresses and headers, those of a redirect included.
        raise Refused(f"an address cannot be read: {error}") from None


def open_part(url, authorization, start, end, total):
    """Return a Stream of the bytes from `start` up to `end`, or of all from 0 where the server
    knows no ranges. total: bytes of the whole, None where unknown; another one is Refused."""
    response = open_url(url, {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}, authorization)
    if response.status == 206:
        where, _, size = (response.headers.get("Content-Range") or "").partition("/")
        if not where.startswith(f"bytes {start}-") or (total and size not in (str(total), "*", "")):
            response.close()
            raise Refused(f"answered with {where}/{size}, want bytes {start}-{end - 1}/{total or '*'}")
        return Stream(response, start, True)
    length = response.headers.get("Content-Length")
    if response.status != 200 or (total and length and length.strip() != str(total)):
        response.close()
        raise Refused(f"has {length} bytes, want {total}" if response.status == 200 else f"HTTP {response.status}")
    return Stream(response, 0, False)


def is_final(error):
    """Whether trying again is pointless."""
    if isinstance(error, Refused):
        return True
    if isinstance(error, urllib.error.HTTPError):
        return error.code not in _PASSING
    return isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError)


def is_unreachable(error):
    """Whether no server answered at all."""
    return isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError)


def explain(error):
    """An error in a few words, without the URL."""
    if isinstance(error, urllib.error.HTTPError):
        # urllib's own text for a redirect loop has line breaks in it.
        return " ".join(f"HTTP {error.code} {error.msg}".split())
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return " ".join(str(reason).split()) or type(error).__name__
