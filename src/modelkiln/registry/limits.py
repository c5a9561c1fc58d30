"""What registries refuse, unannounced, after the last byte only: limits that they document."""

from dataclasses import dataclass
from typing import Iterable, Mapping, Optional

from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.runtime.weights.progress import readable_size

__all__ = ["Limits", "check_limits", "limits_of", "upload_warning"]


@dataclass(frozen=True)
class Limits:
    """blob: bytes that a layer may have. seconds: how long an upload may take."""

    registry: str
    blob: int
    seconds: int

    def refusal(self, sizes: Iterable[int]) -> str:
        """One sentence on what is too large, "" where all fits."""
        large = [size for size in sizes if size > self.blob]
        if not large:
            return ""
        several = f"{len(large)} are larger, up to" if len(large) > 1 else "one has"
        return f"{self.registry} takes layers of {readable_size(self.blob)} at most, and {several} {max(large)} bytes."


# GitHub's documentation, "Working with the Container registry": "The container registry has a 10 GB size limit
# for each layer" and "a 10 minute timeout limit for uploads".
_LIMITS = {"ghcr.io": Limits("ghcr.io", 10 * 10**9, 600)}
# A line that takes half of the time for a blob is not worth a warning.
_USUAL_BYTES_PER_SECOND = 10**7


def limits_of(registry: str) -> Optional[Limits]:
    """Return the limits of a registry (host, with a port when it has one), None where none are known."""
    return _LIMITS.get(registry.lower().partition(":")[0])


def check_limits(registry: str, blobs: Mapping[str, Descriptor], where: str) -> None:
    """Refuse, before anything is sent, blobs that the registry would refuse after their last byte.

    blobs: by what people call them. where: what is published, for messages.
    """
    limits = limits_of(registry)
    large = {title: blob for title, blob in blobs.items() if limits and blob.size > limits.blob}
    if not limits or not large:
        return
    names = ", ".join(f"{title} ({readable_size(blob.size)})" for title, blob in sorted(large.items())[:5])
    raise ModelkilnError(
        f"{where}: {limits.refusal(blob.size for blob in large.values())} Nothing was sent. Too large are: {names}. "
        "Split the weights into files below that size (models are saved in shards), or publish to another registry."
    )


def upload_warning(registry: str, blobs: Iterable[Descriptor]) -> str:
    """Return one sentence on what has to be sent faster than many lines do, "" where nothing has."""
    limits = limits_of(registry)
    largest = max((blob.size for blob in blobs), default=0)
    if not limits or largest <= limits.seconds * _USUAL_BYTES_PER_SECOND // 2:
        return ""
    return (
        f"{limits.registry} ends an upload after {limits.seconds // 60} minutes: the largest blob to send, of "
        f"{readable_size(largest)}, needs {readable_size(-(-largest // limits.seconds))} a second for itself."
    )
