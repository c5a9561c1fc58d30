"""The folder of a package's model artifact files, ready to be used."""

from modelkiln.runtime.record import find_package

__all__ = ["model_folder"]


def model_folder(package=None):
    """Return the folder (Path) that an inference script gets as its `model`.

    For servers that an image starts instead of the package's own commands. package: a
    record.Package, by default the one that this code lies in. Files that are fetched at start are
    fetched first, with progress on standard error. Raises PackageError when that can't be done.
    """
    package = package or find_package()
    from modelkiln.runtime.lazy import fetch_weights, is_lazy

    return fetch_weights(package) if is_lazy(package) else package.models
