"""Signatures of a model's files in the format of OpenSSF Model Signing (OMS) 1.0: the files by their sha256.

Specification: ossf/model-signing-spec, v1.0; sigstore/model-transparency, model_signing/_signing/signing.py. The bundle
lies next to the files; serving platforms look for it, and `model_signing verify` reads it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Sequence

from modelkiln.archives.tar import check_path
from modelkiln.attestation.bundle import Bundle
from modelkiln.attestation.statement import PAYLOAD_TYPE, Statement, Subject
from modelkiln.digest import check_digest, sha256_stream
from modelkiln.errors import ModelkilnError, reason

__all__ = ["MODEL_SIGNATURE", "SignedModel", "differences", "folder_files", "model_statement", "read_signed_model"]

MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
# At the top of a model: they are never signed (section 6.2).
_IGNORED = (".git", ".gitattributes", ".github", ".gitignore")
# Paths of files in one message.
_SHOWN = 5


@dataclass(frozen=True)
class SignedModel:
    """What a statement says of a model. files: sha256 in hex by path. ignored: paths that it says nothing of."""

    name: str
    files: Mapping[str, str]
    ignored: tuple[str, ...] = ()


def model_statement(model: SignedModel) -> Statement:
    """Return the statement of a model's files; raises ModelkilnError where none is left to sign."""
    ignored = sorted({*model.ignored, *_IGNORED})
    # By code points (section 5.2.1). `model_signing` 1.1.1 sorts by the parts of paths, and takes any order.
    listed = sorted((path, sha256) for path, sha256 in model.files.items() if not _is_ignored(path, ignored))
    if not listed:
        raise ModelkilnError(f"{model.name}: has no files to sign but {', '.join(sorted(model.files))}.")
    predicate = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": ignored,
        },
        "resources": [{"name": path, "algorithm": "sha256", "digest": sha256} for path, sha256 in listed],
    }
    return Statement.of((Subject(model.name, _root(sha256 for _, sha256 in listed)),), MODEL_SIGNATURE, predicate)


def read_signed_model(bundle: Bundle, where: str) -> SignedModel:
    """Return what a bundle says of a model; raises ModelkilnError for one that is not of version 1.0, or that hashes
    in another way than a lock does."""
    if bundle.payload_type != PAYLOAD_TYPE:
        raise ModelkilnError(f"{where}: its payload is a {bundle.payload_type!r}, not a statement.")
    statement = Statement.read(bundle.payload, where)
    if statement.predicate_type != MODEL_SIGNATURE:
        raise ModelkilnError(f"{where}: is a {statement.predicate_type!r}, want {MODEL_SIGNATURE}. Sign it again.")
    try:
        return _read(statement, where)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ModelkilnError(f"{where}: is not the signature of a model: {reason(error)}.") from None


def _read(statement: Statement, where: str) -> SignedModel:
    how: Mapping[str, Any] = statement.predicate["serialization"]
    listed = statement.predicate["resources"]
    kinds = {how["hash_type"], *(one["algorithm"] for one in listed)}
    if how["method"] != "files" or kinds != {"sha256"}:
        raise ModelkilnError(
            f"{where}: hashes {how['method']} with {', '.join(sorted(kinds))}, and a lock has the sha256 of each file. "
            "Sign with `--hash-algorithm sha256` and without shards, or with `modelkiln sign`."
        )
    files = {check_path(one["name"], where): one["digest"] for one in listed}
    for path, sha256 in files.items():
        check_digest(f"sha256:{sha256}", f"{where}: {path}")
    root = _root(one["digest"] for one in listed)
    if len(files) < len(listed) or [root] != [subject.digest for subject in statement.subjects]:
        raise ModelkilnError(f"{where}: its files have the digest {root}, and it is about another.")
    return SignedModel(statement.subjects[0].name, files, tuple(map(str, how.get("ignore_paths") or ())))


def _root(digests: Iterator[str]) -> str:
    hasher = hashlib.sha256()
    for sha256 in digests:
        hasher.update(bytes.fromhex(sha256))
    return f"sha256:{hasher.hexdigest()}"


def differences(signed: SignedModel, files: Mapping[str, str]) -> list[str]:
    """Return in what files (sha256 by path) are not those that were signed, a sentence for each kind."""
    ignored = (*signed.ignored, *_IGNORED)
    here = {path: files[path] for path in files if path in signed.files or not _is_ignored(path, ignored)}
    changed = [path for path in here.keys() & signed.files.keys() if here[path] != signed.files[path]]
    kinds = (
        ("is signed with another sha256", changed),
        ("is signed and is not here", signed.files.keys() - here.keys()),
        ("is not signed", here.keys() - signed.files.keys()),
    )
    return [f"{_listed(sorted(paths))}: {what}." for what, paths in kinds if paths]


def _is_ignored(path: str, ignored: Sequence[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in ignored)


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def folder_files(folder: Path, signature: Optional[Path] = None) -> dict[str, str]:
    """Return the sha256 of each file in a folder by its path; links to folders are refused, as nothing is signed
    through them. signature: a file that is not one of the model's."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and path.is_dir():
            raise ModelkilnError(f"{path}: is a link to a folder, whose files nobody has signed. Remove it.")
        if path.is_file() and not (signature and path.samefile(signature)):
            with path.open("rb") as stream:
                found[path.relative_to(folder).as_posix()] = sha256_stream(stream)[0].partition(":")[2]
    return found
