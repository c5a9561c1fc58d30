"""The code of one file that is not an archive."""

from itertools import takewhile

from modelkiln.checks.code import keras, transformers_files, yaml_files
from modelkiln.checks.code.names import entry
from modelkiln.checks.code.programs import program_kind
from modelkiln.checks.content import Content

__all__ = ["file_entries", "has_sign"]

_HEAD = 512
# Where else an HDF5 file may begin: after a block of its user's, of a power of two bytes.
_HDF5_STARTS = tuple(_HEAD << number for number in range(32))


def has_sign(path: str, data: bytes) -> bool:
    """Return whether `file_entries` would look into a file. data: all of it."""
    return bool(program_kind(data[:_HEAD]) or _names_text(path, data) or keras.HDF5_MAGIC in data)


def _names_text(path: str, head: bytes) -> bool:
    return (
        yaml_files.is_yaml(path, head)
        or transformers_files.is_configuration(path)
        or transformers_files.is_template(path)
    )


def file_entries(content: Content, path: str) -> set:
    """Return the entries of a file at `path`, or of a member of an archive with that name."""
    head = content.head(_HEAD)
    kind = program_kind(head)
    if kind:
        return {entry(kind, content.name)}
    if head.startswith(keras.HDF5_MAGIC) or _is_late_hdf5(content):
        return keras.hdf5_entries(content)
    if yaml_files.is_yaml(path, head):
        return yaml_files.yaml_entries(content, path)
    if transformers_files.is_configuration(path) or transformers_files.is_template(path):
        return transformers_files.transformers_entries(content, path)
    return set()


def _is_late_hdf5(content: Content) -> bool:
    if content.data is not None:
        return any(content.data.startswith(keras.HDF5_MAGIC, start) for start in _HDF5_STARTS)
    size = content.size if content.seekable else None
    if not size:
        return False
    with content.open() as stream:
        first = stream.tell()
        for start in takewhile(lambda start: start < size, _HDF5_STARTS):
            stream.seek(first + start)
            if stream.read(len(keras.HDF5_MAGIC)) == keras.HDF5_MAGIC:
                return True
    return False
