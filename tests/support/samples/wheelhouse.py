"""Wheels made in tests, and a folder that serves them to pip as an index would."""

import base64
import hashlib
import io
import warnings
import zipfile
from pathlib import Path

from modelkiln.machine.settings import save_machine_env
from modelkiln.store.store import Store

__all__ = ["make_placeholder", "make_wheel", "offline_store", "pin", "put_wheel", "record_row", "zip_of"]


def record_row(path, data, algorithm="sha256"):
    """A row of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).decode().rstrip("=")
    if "," in path or '"' in path:
        path = '"' + path.replace('"', '""') + '"'
    return f"{path},{algorithm}={digest},{len(data)}\n"


def zip_of(members):
    """A zip of (name, content, mode) members, without times; a mode of None sets no attributes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of duplicate names, which some tests want.
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode or 0) << 16
            archive.writestr(info, data)
    return out.getvalue()


def make_wheel(
    name="demo", version="1.0", files=None, requires=(), executable=(), record=None, more=(), tag="py3-none-any"
):
    """The bytes of a wheel.

    files: path -> content. record: the text of RECORD, or None for a good one. more: members
    (name, content, mode) that RECORD does not list.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    every = {f"{name.replace('-', '_')}/__init__.py": b"VALUE = 1\n"} if files is None else dict(files)
    every.setdefault(f"{stem}.dist-info/METADATA", metadata.encode())
    wheel = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    every.setdefault(f"{stem}.dist-info/WHEEL", wheel.encode())
    every = {path: data for path, data in every.items() if data is not None}
    rows = "".join(record_row(path, data) for path, data in every.items())
    text = f"{rows}{stem}.dist-info/RECORD,,\n" if record is None else record
    members = [(path, data, 0o100755 if path in executable else 0o100644) for path, data in every.items()]
    return zip_of([*members, (f"{stem}.dist-info/RECORD", text, 0o100644), *more])


def make_placeholder(name="nvidia-demo", version="0.0.0a0"):
    """The pin and the bytes of a wheel as NVIDIA has one of each package of CUDA 13."""
    stem = name.replace("-", "_")
    metadata = (
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: Zero version placeholder for {name}\n"
    )
    files = {f"{stem}/__init__.py": b"", f"{stem}-{version}.dist-info/METADATA": metadata.encode()}
    data = make_wheel(name, version, files, tag="py2.py3-none-any")
    return pin(data, name, version, "py2.py3-none-any"), data


def pin(data, name="demo", version="1.0", tag="py3-none-any"):
    """A wheel as recipes and records hold it."""
    return {
        "name": name,
        "version": version,
        "filename": f"{name.replace('-', '_')}-{version}-{tag}.whl",
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def put_wheel(store, data, name="demo", version="1.0", tag="py3-none-any"):
    """Put a wheel into the store and return its pin."""
    store.add_bytes(data)
    return pin(data, name, version, tag)


def offline_store(folder: Path, wheels=(), **settings):
    """A store whose machine fetches from a folder alone; wheels: (pin, bytes) that lie there."""
    links = folder / "links"
    links.mkdir(exist_ok=True)
    for wheel, data in wheels:
        (links / wheel["filename"]).write_bytes(data)
    store = Store(folder / "store")
    store.root.mkdir(exist_ok=True)
    machine = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links)}
    save_machine_env(store.root, settings or machine)
    return store
