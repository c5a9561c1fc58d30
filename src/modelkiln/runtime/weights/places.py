"""Where the bytes of a file can be read: mirrors of this machine first, then where the lock says."""

import base64
import io
import os
import urllib.parse

from modelkiln.runtime.weights.http import Refused, Stream, open_part
from modelkiln.runtime.weights.oci import open_blob
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["Place", "places_of"]

# Of what the package has itself: RFC 2397, base64 and nothing else.
_OWN = "data:;base64,"
_GOOGLE = "https://storage.googleapis.com"


class Place:
    """A URL that holds a file's bytes, from byte `offset` of what it names.

    url: http, https, file, oci (`oci://registry/name@sha256:<hex>`), hf (`hf://owner/name@commit/path`),
    s3 or gs, or data of the lock's own. total: bytes of all that the URL names, None where unknown.
    """

    def __init__(self, url, offset, total):
        self.url, self.offset, self.total = url, offset, total

    def __str__(self):
        if self.is_own:
            return "the package"
        # What follows `?` may be a signature that gives access.
        return self.url.partition("?")[0]

    @property
    def is_own(self):
        """Whether the package has the bytes: nothing has to be asked for them."""
        return self.url.startswith(_OWN)

    @property
    def host(self):
        """What has to be reached for it."""
        return self.url.split("/", 3)[:3]

    def open(self, start, end):
        """Return a Stream of the file's bytes from `start` up to `end`.

        Where a server knows no ranges it starts earlier: its `position` is then before `start`,
        and negative before the file's own first byte. Raises one of NETWORK_ERRORS or Refused.
        """
        if self.is_own:
            return _open_own(self.url[len(_OWN) :], start, self.total)
        start, end = start + self.offset, end + self.offset
        scheme, _, rest = self.url.partition("://")
        if scheme == "file":
            stream = _open_file(urllib.parse.unquote(rest), start, self.total)
        elif scheme == "oci":
            stream = open_blob(rest, start, end, self.total)
        else:
            stream = open_part(*_address(scheme, rest, self.url), start, end, self.total)
        stream.position -= self.offset
        return stream


def _open_own(text, start, total):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused(f"has something else than base64 ({error})") from None
    if len(data) != total:
        raise Refused(f"has {len(data)} bytes, want {total}")
    return Stream(io.BytesIO(data[start:]), start, True)


def _open_file(path, start, total):
    try:
        stream = open(path, "rb")  # noqa: SIM115  The reader of the Stream closes it.
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise Refused(error.strerror) from None
    size = os.fstat(stream.fileno()).st_size
    if total is not None and size != total:
        stream.close()
        raise Refused(f"has {size} bytes, want {total}")
    stream.seek(start)
    return Stream(stream, start, True)


def _address(scheme, rest, url):
    """Return the http address and the Authorization header (or "") for a URL."""
    if scheme == "hf":
        # What huggingface_hub asks for (its constants.py, HUGGINGFACE_CO_URL_TEMPLATE, HF_ENDPOINT, HF_TOKEN).
        name, _, file = rest.partition("@")
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        token = os.environ.get("HF_TOKEN")
        return f"{endpoint.rstrip('/')}/{name}/resolve/{file}", f"Bearer {token}" if token else ""
    if scheme == "gs":
        return f"{_GOOGLE}/{rest}", ""
    if scheme == "s3":
        return _s3_address(rest), ""
    return url, _login(url)


def _s3_address(rest):
    """The address of `bucket/key` at the machine's own server, or at AWS."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{rest}"
    bucket, _, key = rest.partition("/")
    if "." not in bucket:
        return f"https://{bucket}.s3.amazonaws.com/{key}"
    # The certificate for *.s3.amazonaws.com stands for one label. A bucket is found by its name in the host
    # from anywhere, by its name in the path in its region alone.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return f"https://s3.{region + '.' if region else ''}amazonaws.com/{rest}"


def _login(url):
    """The Authorization header that ~/.netrc, or $NETRC, has for the host of `url`, or ""."""
    import netrc

    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(urllib.parse.urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return ""
    return "Basic " + base64.b64encode(f"{found[0]}:{found[2]}".encode()).decode() if found else ""


def places_of(file):
    """Return the Places of a LazyFile, in the order in which to try them.

    MODELKILN_WEIGHTS_URL names mirrors, divided by commas, and so may the lock: a base of `<base>/sha256/<hex>` (or
    `sha256/<2>/<hex>`, a store that is served) or `<base>/<path>`; a folder; or
    `oci://registry/name`, a repository that holds the package's layers or the files as blobs.
    """
    own = [place for place in (Place(place["url"], 0, file.size) for place in file.places) if place.is_own]
    if own:
        return own
    found = []
    for base in (*(os.environ.get("MODELKILN_WEIGHTS_URL") or "").split(","), *file.mirrors):
        base = base.strip().rstrip("/")
        if base.startswith("oci://"):
            if file.layer:
                found.append(Place(f"{base}@{file.layer['digest']}", file.layer["offset"], None))
            found.append(Place(f"{base}@sha256:{file.sha256}", 0, file.size))
        elif base:
            base = base if "://" in base else f"file://{urllib.parse.quote(os.path.abspath(base))}"
            names = (f"sha256/{file.sha256[:2]}/{file.sha256}", f"sha256/{file.sha256}", urllib.parse.quote(file.path))
            found += [Place(f"{base}/{name}", 0, file.size) for name in names]
    for place in file.places:
        offset = place.get("offset", 0)
        found.append(Place(place["url"], offset, None if "offset" in place else file.size))
    return found


def describe_failure(file, tried):
    """Return what is known of a file that no place had; tried: (Place, reason) each."""
    lines = "".join(f"\n  {place}: {reason}" for place, reason in tried)
    return (
        f"{file.path} ({readable_size(file.size)}, sha256 {file.sha256}) was not found:{lines or ' it has no place.'}"
    )
