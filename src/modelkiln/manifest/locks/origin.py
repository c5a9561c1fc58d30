"""What a lock says of a package that does not come from an index."""

__all__ = ["origin_issue"]


def origin_issue(name: str, kind: str, place: str) -> str:
    """Return why a package of this kind of place (git, path, ...) is refused, and the remedy."""
    return (
        f"{name} comes from {kind} ({place}), and only files of an index are fetched by their hash: publish a wheel "
        "of it, depend on that, and lock again."
    )
