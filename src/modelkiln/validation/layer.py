"""Reads one layer for the validator: what its bytes are, and what its tar holds.

Written apart from `tar` and `packing`, which wrote the layer: an error there must not be
repeated here.
"""

import copy
import hashlib
import re
import tarfile
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO, Collection, Iterator, Optional

from modelkiln.archives.tar_reader import open_tar
from modelkiln.conventions import CODE_FOLDER, MODELS_FOLDER, OPAQUE_WHITEOUT, VENV, VENVS
from modelkiln.validation.streams import Counted, Forward, busy_core, decompressed, read_errors

__all__ = ["LayerContents", "Node", "read_layer", "read_raw"]

_CHUNK = 1 << 20
# Kept of an executable or a shared library: enough for an ELF header and a `#!` line (Linux reads
# 256 bytes, execve(2)).
_HEAD = 256
# Of the layer that puts a package over a base.
_FOLDERS = rf"{VENV}|{VENVS}/[a-z0-9][a-z0-9_.-]*|{CODE_FOLDER}|{MODELS_FOLDER}"
_HIDING = re.compile(rf"({_FOLDERS})/{re.escape(OPAQUE_WHITEOUT)}")
# Of a file whose content is kept (the record), which lists every code file and requirement.
_MAX_KEPT = 64 << 20
# POSIX, pax, "ustar Interchange Format": bytes of a name, and the time that layers of ours have.
_NAME, _TIME = 100, b"00000000000\0"
# As GNU tar and libarchive write the attribute security.capability.
_CAPABILITIES = frozenset(("SCHILY.xattr.security.capability", "LIBARCHIVE.xattr.security.capability"))


@dataclass(frozen=True)
class Node:
    """A file, directory or link of a layer; kind is "file", "dir", "symlink" or "other".

    has_capabilities: it runs with capabilities of its own (capabilities(7), "File capabilities")."""

    kind: str
    mode: int = 0
    sha256: str = ""
    size: int = 0
    link: str = ""
    has_capabilities: bool = False
    head: bytes = field(default=b"", repr=False)
    content: Optional[bytes] = field(default=None, repr=False)


@dataclass
class LayerContents:
    """What was read. digest, size: of the blob. diff_id, unpacked_size: of its tar, None when it
    cannot be read. nodes: path -> Node. removed: paths that whiteouts name ("x/" for all in x).
    problems: sentences that name path, got and want. unconventional: the same, of what layers of others may have."""

    digest: str = ""
    size: int = 0
    diff_id: Optional[str] = None
    unpacked_size: Optional[int] = None
    nodes: dict[str, Node] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unconventional: list[str] = field(default_factory=list)


def read_layer(
    file: BinaryIO, media_type: str, ours: bool, keep: Collection[str] = (), hashed: bool = True
) -> LayerContents:
    """Read the layer blob `file` to its end.

    ours: it was packed by Modelkiln, so its tar must follow Modelkiln's conventions (DESIGN.md,
    "Layers"). keep: paths of files whose content is wanted. hashed: whether each file's sha256 is wanted; a layer
    of which the diff ID is known has the files that it had.
    """
    with ThreadPoolExecutor(2) as pool, busy_core():
        return _read_layer(Counted(file, pool), media_type, pool, (ours, keep, hashed))


def read_raw(file: BinaryIO) -> LayerContents:
    """Read a blob that is a file as it is, and no tar."""
    with ThreadPoolExecutor(1) as pool, busy_core():
        blob = Counted(file, pool)
        blob.drain()
        return LayerContents(blob.digest, blob.size)


def _read_layer(blob: Counted, media_type: str, pool: Executor, options: tuple) -> LayerContents:
    contents = LayerContents()
    try:
        tar = decompressed(blob, media_type, pool)
        _read_tar(tar, contents, *options)
        tar.drain()
        contents.diff_id, contents.unpacked_size = tar.digest, tar.size
    except read_errors() as error:
        contents.problems.append(f"cannot be read as {media_type}: {error or type(error).__name__}.")
    blob.drain()
    contents.digest, contents.size = blob.digest, blob.size
    return contents


def _read_tar(tar: Counted, contents: LayerContents, ours: bool, keep: Collection[str], hashed: bool) -> None:
    before: list[str] = []
    end = 0
    file: Any = Forward(tar)
    with open_tar(file, "r:") as archive:
        for member in archive:
            headers = file.headers()
            path = member.name[2:] if member.name.startswith("./") else member.name
            path = path.rstrip("/")
            if ours:
                found = list(_unconventional(member, before))
                # Of a layer with a known diff ID all bytes are known.
                if hashed and not found:
                    found += _ambiguous(member, headers, end)
                contents.unconventional += found
                before, end = member.name.split("/"), archive.offset
            if path in ("", "."):
                continue
            contents.unconventional += _unsafe(member)
            if path in contents.nodes and (ours or contents.nodes[path].kind != "dir"):
                contents.unconventional.append(f"{path}: is in the archive twice, want once.")
            name = path.rsplit("/", 1)[-1]
            if name.startswith(".wh."):
                parent = path[: -len(name)]
                contents.removed.append(parent if name == OPAQUE_WHITEOUT else parent + name[4:])
                continue
            contents.nodes[path] = _node(archive, file, member, contents.nodes, path in keep, hashed)
        # Where tarfile stopped: at the end, or silently at a header that it could not read.
        end = archive.offset
        shared = sorted(set(archive.pax_headers) - {"comment"})  # That of `git archive` changes nothing.
    if shared:
        # POSIX gives it a meaning, which tarfile follows. Go's archive/tar, and so every container engine, ignores it.
        contents.problems.append(
            f"has a global PAX header ({', '.join(shared)}), which engines read as if it were not."
        )
    content_end = file.end_of_content(end)
    if content_end > end:
        contents.problems.append(
            f"has bytes up to offset {content_end} after the archive's end at {end}, want zeros only."
        )
    if ours and tar.size != end + 1024:
        contents.unconventional.append(
            f"got {tar.size} bytes of tar, want {end + 1024}: two blocks of zeros at its end."
        )


def _node(
    archive: tarfile.TarFile, file: Forward, member: tarfile.TarInfo, nodes: dict[str, Node], keep: bool, hashed: bool
) -> Node:
    if member.isdir():
        return Node("dir", member.mode)
    if member.issym():
        return Node("symlink", member.mode, link=member.linkname)
    if member.islnk():
        target = member.linkname.lstrip("/")
        return nodes.get(target[2:] if target.startswith("./") else target) or Node("other", link=target)
    if not member.isreg():
        return Node("other", member.mode)
    pieces = _pieces(archive, file, member)
    head = next(pieces, b"")
    is_program = bool(member.mode & 0o111) or head.startswith(b"\x7fELF")
    if not hashed and not keep:
        return Node("file", member.mode, "", member.size, head=head if is_program else b"")
    hasher, kept = hashlib.sha256(head), [head] if keep and member.size <= _MAX_KEPT else None
    for piece in pieces:
        hasher.update(piece)
        if kept is not None:
            kept.append(piece)
    content = None if kept is None else b"".join(kept)
    return Node(
        "file", member.mode, hasher.hexdigest(), member.size, has_capabilities=not _CAPABILITIES.isdisjoint(
            member.pax_headers
        ), head=head if is_program else b"", content=content,
    )  # fmt: skip


def _pieces(archive: tarfile.TarFile, file: Forward, member: tarfile.TarInfo) -> Iterator[bytes]:
    """Yield the content of a file, its head first; raises tarfile.ReadError for one that ends too early."""
    sparse: Any = archive.extractfile(member) if member.issparse() else None
    left = member.size
    while left:
        if left == member.size:
            piece = (sparse or file).read(min(_HEAD, left))
        else:
            piece = sparse.read(min(_CHUNK, left)) if sparse else file.some(left)
        if not piece:
            raise tarfile.ReadError("unexpected end of data")
        left -= len(piece)
        yield piece


def _unsafe(member: tarfile.TarInfo) -> Iterator[str]:
    """Problems that are wrong in anybody's layer."""
    name = member.name
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        yield f"{name}: the path leads out of the layer, want a relative one without '..'."
    if member.issparse():
        yield f"{name}: is a sparse file, whose name and content not every reader takes alike; want a plain one."
    if member.ischr() or member.isblk() or member.isfifo():
        yield f"{name}: is a device or a pipe, want files, directories and links only."
    if member.issym() or member.islnk():
        depth = len(name.split("/")) - 1 if member.issym() and not member.linkname.startswith("/") else 0
        for part in member.linkname.split("/"):
            depth += -1 if part == ".." else part not in ("", ".")
            if depth < 0:
                yield f"{name}: link to {member.linkname!r} leaves the root, want it inside."
                break


def _ambiguous(member: tarfile.TarInfo, headers: bytes, end: int) -> Iterator[str]:
    """A problem where a header has a byte that does not follow from what it says: others may read more in it.

    end: where the entry before ends.
    """
    block = headers[member.offset - member.offset_data :]
    if member.offset != end or not (_is_plain(member, block) or block == _written(member)):
        yield f"{member.name}: its header is written in an unusual way, want one that all engines read alike."


def _written(member: tarfile.TarInfo) -> bytes:
    plain = copy.copy(member)
    plain.pax_headers = {}
    return plain.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _is_plain(member: tarfile.TarInfo, block: bytes) -> bool:
    """Whether it is the usual header of a file, of which there may be ten thousands: far quicker than `_written`."""
    if not (member.type == tarfile.REGTYPE and len(block) == tarfile.BLOCKSIZE and member.name.isascii()):
        return False
    owner, rest = _usual(member.mode)
    name, size = member.name.encode().ljust(_NAME, b"\0"), b"%011o\0" % member.size
    # Without the checksum, which tarfile has compared.
    return block.startswith(name + owner + size + _TIME) and block.endswith(rest)


@lru_cache(maxsize=2)
def _usual(mode: int) -> tuple[bytes, bytes]:
    """What lies between name and size of a header, and what follows its checksum."""
    member = tarfile.TarInfo("x")
    member.mode = mode
    block = member.tobuf(tarfile.PAX_FORMAT)
    return block[_NAME:124], block[156:]


def _unconventional(member: tarfile.TarInfo, before: list[str]) -> Iterator[str]:
    """Problems with what a layer of ours promises, so that equal inputs give equal bytes."""
    name = member.name
    if name.split("/") <= before:
        yield f"{name}: comes after {'/'.join(before)}, want entries sorted by path, each once."
    if any(part in ("", ".") for part in name.split("/")):
        yield f"{name}: is not a clean path, want no empty or '.' parts."
    if member.mtime != 0:
        yield f"{name}: got modification time {member.mtime}, want 0."
    if (member.uid, member.gid, member.uname, member.gname) != (0, 0, "", ""):
        owner = f"{member.uid}:{member.gid} ({member.uname}:{member.gname})"
        yield f"{name}: got owner {owner}, want 0:0 without names."
    if member.type == tarfile.REGTYPE:
        modes = (0o644, 0o755)
    elif member.isdir():
        modes = (0o755, 0o1777)  # /tmp and its like are for everyone.
    elif member.issym():
        modes = (0o777,)
    else:
        yield f"{name}: got entry type {member.type!r}, want a file, directory or symbolic link."
        return
    if member.mode not in modes:
        yield f"{name}: got mode {member.mode:04o}, want {' or '.join(f'{mode:04o}' for mode in modes)}."
    if name.rsplit("/", 1)[-1].startswith(".wh.") and not _HIDING.fullmatch(name):
        yield f"{name}: is a whiteout, want layers that only add files, or hide what a base has in their folders."
    unexpected = sorted(set(member.pax_headers) - {"path", "linkpath", "size"})
    if unexpected:
        yield f"{name}: got PAX headers {', '.join(unexpected)}, want path, linkpath and size only."
