"""Model artifacts in object stores, through fsspec: s3, gs, az, and what else it has a client for."""

import contextlib
import io
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional

from modelkiln.errors import ModelkilnError
from modelkiln.sources.addresses import refuse_secrets
from modelkiln.sources.clients import import_client
from modelkiln.sources.source import Listing, Source, SourceFile, by_path

__all__ = ["open_bucket", "open_source"]

# Scheme -> fsspec's protocol, and the package on PyPI that speaks it.
_CLIENTS = {
    "s3": ("s3", "s3fs"),
    "gs": ("gcs", "gcsfs"),
    "gcs": ("gcs", "gcsfs"),
    "az": ("abfs", "adlfs"),
    "abfs": ("abfs", "adlfs"),
    "memory": ("memory", "fsspec"),
}
# What stores call that which names an object's bytes, the best first: an object's own version
# (S3, Google), then a tag of its content, then its time.
_VERSIONS = ("VersionId", "generation", "ETag", "etag", "LastModified", "last_modified", "mtime", "created")
# Bytes asked for at once: enough to fill a line, and eight such streams stay below 150 MB.
_BLOCK = 4 << 20
_LOOKUPS = 16
_WAITS = (0.3, 1.0, 2.0, 4.0)


def open_source(uri: str, env: Mapping[str, str], folder: Path) -> Source:
    """Return the source of a file or a folder such as `s3://bucket/models/llm`.

    Logins come from where the store's own tools keep them: AWS_*, GOOGLE_* and AZURE_* variables,
    ~/.aws, ~/.config/gcloud, a role of the machine. Raises ModelkilnError for a URI with a login,
    and where the client is not installed.
    """
    return open_bucket(uri, env, {})


def open_bucket(uri: str, env: Mapping[str, str], more: Mapping[str, Any]) -> Source:
    """Return the source of a file or a folder; more: options for the store's client."""
    scheme = urllib.parse.urlsplit(uri).scheme.lower()
    protocol, package = _CLIENTS[scheme]
    where = f"source {uri}"
    # Azure writes abfs://container@account..., which is not a login.
    is_azure = protocol == "abfs" and ":" not in urllib.parse.urlsplit(uri).netloc.rpartition("@")[0]
    checked = uri.replace("@", "", 1) if is_azure else uri
    refuse_secrets(checked, "Leave it to the store's own configuration, as its command line reads it.")
    fsspec = import_client("fsspec", "fsspec", env, where)
    options: Dict[str, Any] = {"skip_instance_cache": True, **more}
    if protocol == "s3":
        options["version_aware"] = True
    try:
        store = fsspec.filesystem(protocol, **options)
    except (ImportError, ValueError):
        import_client(package, package, env, where)
        raise
    except Exception as error:
        raise _to_error(where, error) from None
    return _Filesystem(uri, store)


class _Filesystem(Source):
    def __init__(self, uri: str, store: Any) -> None:
        self._uri, self._store, self._where = uri, store, f"source {uri}"

    def list(self) -> Listing:
        root = self._store._strip_protocol(self._uri.rstrip("/"))
        found = self._ask(lambda: self._store.find(root, detail=True))
        if not isinstance(found, dict):  # adlfs lists a single object without its details.
            found = {name: self._ask(lambda: self._store.info(name)) for name in found}  # noqa: B023
        names = [name for name, details in sorted(found.items()) if details.get("type") != "directory"]
        if not names:
            raise ModelkilnError(
                f"{self._where}: there is nothing there. Check bucket and path, and the right to list."
            )
        is_file = names == [root]
        if self._uri.endswith("/") and is_file:
            raise ModelkilnError(f"{self._where}: is a file and not a folder. Write it without the slash at its end.")
        files = []
        for name, details in zip(names, self._details(names, found)):
            path = name.rpartition("/")[2] if is_file else name[len(root) :].lstrip("/")
            if path and not (path.endswith("/") and not details.get("size")):  # A bucket's mark of an empty folder.
                files.append(SourceFile(path, details.get("size"), None, _version(details), name))
        return Listing(self._uri, "", by_path(files))

    def open(self, file: SourceFile, offset: int = 0) -> BinaryIO:
        return _Object(self, file, offset)  # type: ignore[return-value]

    def details(self, file: SourceFile) -> Mapping[str, Any]:
        """What the store reports about a file now, or about the very version that is wanted."""
        return self._ask(lambda: self._store.info(file.locator, **_pin(file.version)))

    def start(self, file: SourceFile) -> Any:
        """Open the file with the client."""
        return self._store.open(file.locator, "rb", block_size=_BLOCK, cache_type="readahead", **_pin(file.version))

    def to_error(self, file: SourceFile, error: BaseException) -> ModelkilnError:
        """The error to show to the user for one of the client."""
        return _to_error(f"{self._where}: {file.path}", error)

    def _details(self, names: List[str], found: Mapping[str, Mapping[str, Any]]) -> List[Mapping[str, Any]]:
        """Details of objects; listings do not show the version that a bucket with versions gives each."""
        if not getattr(self._store, "version_aware", False):
            return [found[name] for name in names]
        first = self._ask(lambda: self._store.info(names[0], refresh=True))
        if first.get("VersionId") in (None, "null"):
            return [found[name] for name in names]
        with ThreadPoolExecutor(_LOOKUPS) as pool:
            return list(pool.map(lambda name: self._ask(lambda: self._store.info(name, refresh=True)), names))

    def _ask(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except ModelkilnError:
            raise
        except Exception as error:  # Clients raise what their libraries raise.
            raise _to_error(self._where, error) from None


class _Object(io.RawIOBase):
    """An object's bytes from `offset` on, of one version; goes on after errors that pass."""

    def __init__(self, source: _Filesystem, file: SourceFile, offset: int) -> None:
        super().__init__()
        self._source, self._file, self._position = source, file, offset
        self._stream: Optional[Any] = None
        self._failures, self._is_checked = 0, False
        self._check()

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`; 0 at the end."""
        while True:
            try:
                data = self._read(len(buffer))
                break
            except ModelkilnError:
                raise
            except Exception as error:
                self._drop()
                if self._failures == len(_WAITS) or isinstance(error, (FileNotFoundError, PermissionError)):
                    raise self._source.to_error(self._file, error) from None
                time.sleep(_WAITS[self._failures])
                self._failures += 1
                self._check()
        buffer[: len(data)] = data
        self._position += len(data)
        if data:
            self._failures = 0
        elif not self._is_checked:
            # Not every store can be asked for the bytes of one version alone.
            self._check()
            self._is_checked = True
            if self._file.size not in (None, self._position):
                raise ModelkilnError(
                    f"source {self._file.locator}: ended after {self._position} bytes, want {self._file.size}. "
                    "Run `pants lock` to take it as it is."
                )
        return len(data)

    def close(self) -> None:
        """Close the client's stream."""
        self._drop()
        super().close()

    def _read(self, count: int) -> bytes:
        if self._stream is None:
            self._stream = self._source.start(self._file)
            self._stream.seek(self._position)
        return self._stream.read(count)

    def _check(self) -> None:
        details = self._source.details(self._file)
        found = _version(details)
        if self._file.version and found != self._file.version:
            raise ModelkilnError(
                f"source {self._file.locator}: has changed: the store has {found}, want {self._file.version}. "
                "Run `pants lock` to take the new one."
            )

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(Exception):
                stream.close()


def _version(details: Mapping[str, Any]) -> str:
    for name in _VERSIONS:
        value = details.get(name)
        if value not in (None, "", "null"):
            # Some clients give a time as a number here and as a date there.
            value = value.timestamp() if hasattr(value, "timestamp") else value
            return f"{name}:{value:.6f}" if isinstance(value, float) else f"{name}:{value}"
    return ""


def _pin(version: str) -> Dict[str, str]:
    name, _, value = version.partition(":")
    return {"version_id": value} if name == "VersionId" else {}


def _to_error(where: str, error: BaseException) -> ModelkilnError:
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    remedy = "Check the network, and the store's configuration on this machine."
    if isinstance(error, FileNotFoundError):
        remedy = "It was moved or deleted; correct the source, and run `pants lock`."
    elif isinstance(error, PermissionError) or "credential" in said.lower():
        remedy = "Log in as the store's own tools want it, or ask for the right to read."
    return ModelkilnError(f"{where}: {said}. {remedy}")
