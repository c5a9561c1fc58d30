"""Whether this host has what a package needs of it: devices, memory, features of the CPU, provided requirements."""

import sys

from modelkiln.runtime.errors import HostError

__all__ = ["check_host"]


def check_host(package, in_application=False):
    """Make provided requirements importable, and compare the host with what the record declares.

    in_application: the package is a library of somebody else's process, whose path of imports stays as it is.
    Raises HostError with all that is missing. A package that declares nothing imports nothing here.
    """
    record, problems = package.record, []
    where, variant = f"{record['name']} {record['version']}", record.get("variant") or {}
    if variant.get("rocm") or variant.get("tpu"):
        from modelkiln.runtime.start.devices import check_devices

        problems, notes = check_devices(variant)
        for note in notes:
            sys.stderr.write(f"{where}: {note}\n")
    requires = (record.get("metadata") or {}).get("requires")
    if isinstance(requires, dict):
        from modelkiln.runtime.start.host import check_requires

        problems += check_requires(requires, variant)
    # Importing what the host provides comes last: it may take long, or end the process.
    if record.get("provided") and not problems:
        from modelkiln.runtime.start.provided import provide

        problems = provide(record["provided"], in_application)
    if problems:
        raise HostError(f"{where}: {' '.join(problems)}")
