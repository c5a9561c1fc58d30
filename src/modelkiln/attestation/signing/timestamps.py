"""Timestamps of signatures (RFC 3161): an authority states when a signature was there already, which neither a
certificate nor a machine's clock says.

Specification: RFC 3161; sigstore_common.proto, RFC3161SignedTimestamp: the response about the bytes of the signature.
"""

import itertools
import threading
from concurrent.futures import Future
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from modelkiln.errors import ModelkilnError
from modelkiln.network.http import NETWORK_ERRORS, open_url, with_retries

__all__ = ["check_address", "request_timestamp", "stamped_at"]

# Bytes of a response: a token with some certificates has a few thousand.
_LARGEST_RESPONSE = 1 << 18
# For all attempts, and for a service that sends a byte now and then.
_SECONDS = 600.0
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


def check_address(url: str, where: str) -> None:
    """Raise ModelkilnError for what is not the address of a service."""
    try:
        is_address = urlsplit(url).scheme in ("http", "https")
    except ValueError:  # Such as half of the brackets of an IPv6 address.
        is_address = False
    if not is_address:
        raise ModelkilnError(f"{where}: {url!r} is not the address (http or https) of a service that makes timestamps.")


def request_timestamp(url: str, signature: bytes, env: Mapping[str, str]) -> tuple[bytes, datetime]:
    """Return the response of the authority at `url` about a signature, in DER, and the time in it.

    env: the machine's proxies and authorities. Whether to trust who answers is for those who verify; that it answers
    what was asked is held to here. Raises ModelkilnError where it does not.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.cert_request(cert_request=True).nonce(nonce=True).build()

    def ask() -> bytes:
        with open_url(url, env, _HEADERS, data=request.as_bytes()) as response:
            return response.read(_LARGEST_RESPONSE + 1)

    try:
        data = _in_time(lambda: with_retries(ask), url)
    except NETWORK_ERRORS as error:
        raise ModelkilnError(f"{url}: gives no timestamp ({error}). See that it is the address of a service.") from None
    if len(data) > _LARGEST_RESPONSE:
        raise ModelkilnError(f"{url}: answers with more than {_LARGEST_RESPONSE} bytes, which is not a timestamp.")
    response = _parse(data, url)
    if response.status:
        said = "; ".join(response.status_string) or f"status {response.status}"
        raise ModelkilnError(f"{url}: refuses to give a timestamp ({said}).")
    try:  # The token is read as it is asked for.
        token = response.tst_info
        answered = (token.message_imprint.message, token.nonce)
        moment = _time(response)
    except Exception as error:  # Whatever the library raises for a broken one.
        raise ModelkilnError(f"{url}: answers with a broken timestamp: {error}.") from None
    if (request.message_imprint.message, request.nonce) != answered:
        raise ModelkilnError(f"{url}: answers with the timestamp of something else.")
    return data, moment


def _in_time(action: Callable[[], bytes], url: str) -> bytes:
    """What `action` returns, or raises; a ModelkilnError where that takes too long, and nothing waits for it then."""
    answer: Future[bytes] = Future()

    def act() -> None:
        try:
            answer.set_result(action())
        except BaseException as error:
            answer.set_exception(error)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    if not answer.done():
        raise ModelkilnError(f"{url}: gives no timestamp within {_SECONDS:.0f} s. Try again, or use another.")
    return answer.result()


def stamped_at(timestamps: Sequence[bytes], signature: bytes, authorities: Sequence[bytes], where: str) -> datetime:
    """Return when a signature was there: the first time that one of `authorities` (DER) vouches for.

    Their own certificates count at that time. A timestamp may lack the certificate of who made it, as those that cosign
    asks for do; then it has to be among `authorities`. Raises ModelkilnError, with a reason, where none of `timestamps`
    counts.
    """
    if not timestamps:
        raise ModelkilnError(
            f"{where}: has no timestamp, and its signer needs one. Sign it again with --timestamp-url."
        )
    verifiers = _verifiers(authorities)
    reasons, found = [], []
    for data, verifier in itertools.product(timestamps, verifiers):
        try:
            response = _parse(data, where)
            verifier.verify_message(response, signature)
            found.append(_time(response))
        except Exception as error:  # Whatever the library raises, for broken bytes as well.
            reasons.append(" ".join(str(error).split()).rstrip("."))
    if not found:
        raise ModelkilnError(
            f"{where}: its timestamp is not one that its signer's authorities vouch for: {reasons[0]}."
        )
    return min(found)


def _verifiers(authorities: Sequence[bytes]) -> list[Any]:
    """One for timestamps that bring the certificate of who made them, and one for each who may have."""
    from cryptography import x509
    from rfc3161_client import VerifierBuilder

    listed = [x509.load_der_x509_certificate(one) for one in authorities]
    makers = [one for one in listed if one.issuer != one.subject]
    return [VerifierBuilder(roots=listed, tsa_certificate=maker).build() for maker in (None, *makers)]


def _time(response: Any) -> datetime:
    moment: datetime = response.tst_info.gen_time
    return moment.astimezone(timezone.utc)


def _parse(data: bytes, where: str) -> Any:
    from rfc3161_client import decode_timestamp_response

    try:
        return decode_timestamp_response(data)
    except Exception as error:  # Whatever the library raises for broken bytes.
        raise ModelkilnError(f"{where}: is not a timestamp: {error}.") from None
