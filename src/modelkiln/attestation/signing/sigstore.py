"""Keyless signatures, by Sigstore's own library and a trusted root that somebody gives: nothing is asked for online.

Of `pip install 'modelkiln[sigstore]'`: it needs three times as much as the rest of the command line.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from modelkiln.attestation.signing.certificates import Identity, identity_of
from modelkiln.errors import ModelkilnError

if TYPE_CHECKING:
    from modelkiln.attestation.bundle import Bundle

__all__ = ["verify_keyless"]


class _Anybody:
    """A policy of the library's; whom a certificate names is for ours."""

    def verify(self, cert: object) -> None:
        """Take any certificate that the root vouches for."""


def verify_keyless(bundle: "Bundle", trusted_root: Path, where: str) -> Identity:
    """Return who has signed a bundle, as services say that the root (Sigstore's trusted_root.json) names.

    Held to it are the certificate, its place in a certificate log, the time of the signature, its entry in a
    transparency log, and the signature. Raises ModelkilnError where one of these is not so.
    """
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(trusted_root)))
    except Exception as error:  # Whatever the library raises for a broken file.
        raise ModelkilnError(f"{trusted_root}: is not a trusted root of Sigstore's ({_said(error)}).") from None
    try:
        made = SigstoreBundle.from_json(bundle.source)
        _, payload = verifier.verify_dsse(made, _Anybody())
    except Exception as error:  # Its own errors, and those of what it is built on.
        raise ModelkilnError(f"{where}: Sigstore does not vouch for it ({_said(error)}).") from None
    if payload != bundle.payload:
        raise ModelkilnError(f"{where}: Sigstore vouches for another statement.")
    return identity_of(bundle.certificates[0], where)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
