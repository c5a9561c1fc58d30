"""What a program or a shared library asks of the system that it runs on, read from its ELF file."""

import io
from dataclasses import dataclass
from typing import Optional

from modelkiln.errors import ModelkilnError

__all__ = ["ElfNeeds", "read_needs"]

_MAGIC = b"\x7fELF"
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}


@dataclass(frozen=True)
class ElfNeeds:
    """machine: Linux' name of its processor. libraries: file names of shared libraries (DT_NEEDED).
    versions: of symbols, with the library that has them: ("libc.so.6", "GLIBC_2.14")."""

    machine: str
    libraries: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]


def read_needs(data: bytes, where: str) -> Optional[ElfNeeds]:
    """Return what the file `data` needs; None for one that no system loads (it is not an ELF file, or an object file).

    where: the file, for messages. Raises ModelkilnError for a damaged one.
    """
    if not data.startswith(_MAGIC):
        return None
    from elftools.common.exceptions import ELFError
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    libraries, versions = [], []
    try:
        elf = ELFFile(io.BytesIO(data))
        if elf.header.e_type not in ("ET_EXEC", "ET_DYN"):
            return None
        for section in elf.iter_sections():
            if isinstance(section, DynamicSection):
                libraries += [tag.needed for tag in section.iter_tags("DT_NEEDED")]
            elif isinstance(section, GNUVerNeedSection):
                versions += [(need.name, one.name) for need, names in section.iter_versions() for one in names]
        machine = _MACHINES.get(elf.header.e_machine, str(elf.header.e_machine))
    except (ELFError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise ModelkilnError(f"{where}: is not a whole ELF file ({error}). Lock another version.") from None
    return ElfNeeds(machine, tuple(sorted(set(libraries))), tuple(sorted(set(versions))))
