"""One way to read a part of a URL, with the environment's proxies and certificate authorities."""

import functools
import http.client
import os
import ssl
import urllib.error
import urllib.request

__all__ = ["NETWORK_ERRORS", "Refused", "Stream", "explain", "is_final", "is_unreachable", "open_part", "open_url"]

# A read that stalls for this long counts as a cut.
TIMEOUT_SECONDS = 60
_PASSING = (408, 425, 429, 500, 502, 503, 504)
# What reading from a network may raise: urllib's errors, time-outs, resets and TLS failures are
# OSErrors; an answer that is no HTTP is an HTTPException.
NETWORK_ERRORS = (OSError, http.client.HTTPException)


class Refused(Exception):
    """A place that does not have the file, or has another one: asking it again is pointless."""


class Stream:
    """Bytes from `position` on; `partial` tells whether the server sent the part alone."""

    def __init__(self, response, position, partial):
        self.response, self.position, self.partial = response, position, partial
        self.read = response.read

    def close(self):
        """Hang up."""
        self.response.close()


@functools.cache
def _opener():
    # OpenSSL itself reads SSL_CERT_FILE and SSL_CERT_DIR.
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    named = None if os.environ.get("SSL_CERT_FILE") else authorities
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=named or None))
    )


def open_url(url, headers, authorization=""):
    """Open an http or https URL. `authorization` goes to this address alone, and to no redirect's."""
    request = urllib.request.Request(url, headers=headers)
    request.add_unredirected_header("User-Agent", "modelkiln")
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    return _opener().open(request, timeout=TIMEOUT_SECONDS)


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
    if response.status != 200 or (total and length and int(length) != total):
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
