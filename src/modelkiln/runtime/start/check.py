"""Whether this host has what a package needs of it: provided requirements, memory, CPU features, devices."""

from modelkiln.runtime.errors import HostError

__all__ = ["check_host"]


def check_host(package, in_application=False):
    """Make provided requirements importable, and compare the host with what the record declares.

    in_application: the package is a library of somebody else's process, whose path of imports stays as it is.
    Raises HostError with all that is missing. A package that declares nothing imports nothing here.
    """
    record = package.record
    where = f"{record['name']} {record['version']}"
    sentences = []
    if record.get("provided"):
        from modelkiln.runtime.start.provided import provide

        sentences += provide(record["provided"], in_application)
    if sentences:
        raise HostError(f"{where}: {' '.join(sentences)}")
