"""Pickles of known attack shapes. They are harmless: what they would call does nothing, or is not there."""

import io
import pickle
import struct
import tarfile
import zipfile

STOP = b"."
# The names that the target of these tests allows.
ALLOWED = ("collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch.FloatStorage")


def text(value):
    """SHORT_BINUNICODE of a text."""
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def call(module="os", name="getcwd", arguments=b")"):
    """GLOBAL and REDUCE."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n" + arguments + b"R"


def proto(version, body):
    """A pickle with its start and STOP."""
    return b"\x80" + bytes([version]) + body + STOP


def in_zip(name, data, compression=zipfile.ZIP_STORED):
    """A zip archive with one member."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo(name), data, compression)
    return stream.getvalue()


def in_tar(name, data):
    """A tar archive with one member."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def npy(data, descr="'|O'", shape="(1,)"):
    """A .npy file of version 1."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


class Tensor:
    """Pickles as torch.Tensor does: by a call, with its bytes as a persistent ID."""

    def __init__(self, key, size):
        self.key, self.size = key, size


class _Global:
    def __init__(self, module, name):
        self.module, self.name = module, name


class _TorchPickler(pickle._Pickler):
    """torch need not be installed: names are written as they are."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _Global):
            self.write(b"c" + obj.module.encode() + b"\n" + obj.name.encode() + b"\n")
        elif isinstance(obj, Tensor):
            self._save_tensor(obj)
        else:
            super().save(obj, save_persistent_id)

    def _save_tensor(self, tensor):
        self.save(_Global("torch._utils", "_rebuild_tensor_v2"))
        self.write(b"(")
        self.save(("storage", _Global("torch", "FloatStorage"), tensor.key, "cpu", tensor.size))
        self.write(b"Q")
        for value in (0, (tensor.size,), (1,), False):
            self.save(value)
        self.write(b"tR")


def torch_pickle(value):
    """A state dict as torch pickles it."""
    stream = io.BytesIO()
    _TorchPickler(stream, 2).dump(value)
    return stream.getvalue()


def torch_zip(value, tensors=()):
    """A file of torch.save since 1.6."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", torch_pickle(value))
        archive.writestr("archive/byteorder", "little")
        for index, data in enumerate(tensors):
            archive.writestr(f"archive/data/{index}", data)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def torch_legacy(value, tensors=b""):
    """A file of torch.save before 1.6: five pickles, then the bytes of the tensors."""
    first = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    return b"".join(first) + torch_pickle(value) + pickle.dumps(["0"], 2) + tensors
