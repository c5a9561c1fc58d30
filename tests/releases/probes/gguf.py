"""A tensor without elements of each type that ggml has."""

import struct

import gguf


def write_for_all(folder):
    """Write a file for each type."""
    for number in (0, 1, 2, 8, 30, 39, 40, 41):
        name = struct.pack("<Q", 1) + b"w"
        tensor = name + struct.pack("<IQIQ", 1, 0, number, 0)
        data = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
        data += struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ", 8, 1) + b"x" + tensor
        (folder / f"type-{number}.gguf").write_bytes(data + bytes(-len(data) % 32 + 256))


def read(path):
    """Whether it is read."""
    gguf.GGUFReader(str(path))
    return True
