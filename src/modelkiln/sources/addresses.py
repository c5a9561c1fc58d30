"""Addresses as users write them: what they may hold, and the file names that they end in."""

import urllib.parse
from typing import Iterable

from modelkiln.archives.tar import check_path
from modelkiln.errors import ModelkilnError
from modelkiln.sources.source import SourceFile

__all__ = ["check_files", "refuse_secrets", "shown"]

# Query parameters that grant access: signed addresses of S3, Google and Azure, and common tokens.
_SECRET_QUERIES = frozenset(
    {
        "access_token", "api_key", "apikey", "auth", "authkey", "awsaccesskeyid", "key", "password", "private_token",
        "sig", "signature", "token", "x-amz-credential", "x-amz-security-token", "x-amz-signature",
        "x-goog-credential", "x-goog-signature",
    }
)  # fmt: skip


def shown(uri: str) -> str:
    """Return `uri` without user, password and query: fit for messages."""
    parts = urllib.parse.urlsplit(uri)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def refuse_secrets(uri: str, remedy: str) -> str:
    """Return `uri` when it holds no credentials; else raise ModelkilnError, which does not show them.

    What a source is called goes into locks, which are committed.
    """
    parts = urllib.parse.urlsplit(uri)
    has_user = "@" in parts.netloc
    names = {name.lower() for name, _ in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)}
    secret = sorted(names & _SECRET_QUERIES)
    if has_user or secret:
        what = "a user or a password" if has_user else f"the query parameter {secret[0]!r}"
        raise ModelkilnError(f"source {shown(uri)}: holds {what}, which must not get into a lock. {remedy}")
    return uri


def check_files(files: Iterable[SourceFile], where: str) -> tuple[SourceFile, ...]:
    """Return `files` sorted by path; raise ModelkilnError for paths that must not be.

    files: those that were chosen. Refused are paths that leave the folder, are there twice, are the same but
    for their case (they would be one file on some systems), or are a file and a folder.
    """
    by_path: dict[str, SourceFile] = {}
    folded: dict[str, str] = {}
    for file in files:
        check_path(file.path, where)
        other = folded.setdefault(file.path.casefold(), file.path)
        if file.path in by_path:
            raise ModelkilnError(f"{where}: lists {file.path!r} twice. Refused.")
        if other != file.path:
            raise ModelkilnError(
                f"{where}: lists both {other!r} and {file.path!r}, which are one file on some systems. "
                "Leave one out with `exclude`, or fix the source."
            )
        by_path[file.path] = file
    for path in by_path:
        parts = path.split("/")
        for count in range(1, len(parts)):
            if "/".join(parts[:count]) in by_path:
                raise ModelkilnError(
                    f"{where}: {'/'.join(parts[:count])!r} is both a file and a folder. Fix the source."
                )
    return tuple(by_path[path] for path in sorted(by_path))
