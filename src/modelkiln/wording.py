"""Numbers of things as people write them."""

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return "1 blob" or "2 blobs"; `plural` where an s does not make it."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
