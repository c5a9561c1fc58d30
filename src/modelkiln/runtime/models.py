"""The folder of a package's model artifact files, ready to be used."""

from modelkiln.runtime.record import find_package

__all__ = ["model_folder"]


def model_folder(package=None):
    """Return the folder (Path) that an inference script gets as its `model`.

    For servers that an image starts instead of the package's own commands. package: a
    record.Package, by default the one that this code lies in. Files that are fetched at start are
    fetched first, with progress on standard error; files that are mounted are verified first. Provided
    requirements are made importable, and what else the package needs of its host is checked. Raises
    PackageError when that can't be done.
    """
    package = package or find_package()
    from modelkiln.runtime.start.check import check_host

    # First of all: weights need not be fetched for a host that cannot run them.
    check_host(package)
    # Of a start with weights at hand, what these import would be a tenth.
    if package.is_lazy:
        from modelkiln.runtime.weights.lazy import fetch_weights

        return fetch_weights(package)
    if package.is_sidecar:
        from modelkiln.runtime.weights.sidecar import check_weights

        return check_weights(package)
    return package.models
