"""Sdists made in tests, and a build backend of few lines that builds them."""

import gzip
import io
import tarfile

from samples.wheelhouse import make_wheel, pin

__all__ = ["backend_wheel", "make_sdist", "sdist_pin", "tar_of"]

# A backend (PEP 517) that packs `<name>.py` of the sdist's folder. What a test wants it to do on
# the way is in the sdist's `on_build.py`.
_BACKEND = """
import hashlib, os, time, zipfile

NAME, VERSION, REQUIRES, TAG = None, None, [], "py3-none-any"


def _load():
    with open("project.py") as stream:
        exec(stream.read(), globals())


def get_requires_for_build_wheel(config_settings=None):
    _load()
    return globals().get("MORE", [])


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    _load()
    info = f"{NAME}-{VERSION}.dist-info"
    os.mkdir(os.path.join(folder, info))
    with open(os.path.join(folder, info, "METADATA"), "w") as stream:
        stream.write(_metadata())
    return info


def _metadata():
    lines = [f"Requires-Dist: {one}" for one in REQUIRES]
    return "\\n".join(["Metadata-Version: 2.1", f"Name: {NAME}", f"Version: {VERSION}", *lines, ""])


def build_wheel(folder, config_settings=None, metadata_directory=None):
    _load()
    info = f"{NAME}-{VERSION}.dist-info"
    with open(f"{NAME}.py") as stream:
        files = {f"{NAME}.py": stream.read()}
    if os.path.exists("on_build.py"):
        with open("on_build.py") as stream:
            exec(stream.read(), {"files": files})
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: {TAG}\\n"
    files[f"{info}/METADATA"] = _metadata()
    rows = []
    name = f"{NAME}-{VERSION}-{TAG}.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            info_ = zipfile.ZipInfo(path, time.localtime()[:6])
            info_.external_attr = (0o100600 | os.getpid() % 2 * 0o44) << 16
            archive.writestr(info_, data)
            import base64
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            rows.append(f"{path},sha256={digest},{len(data)}")
        archive.writestr(f"{info}/RECORD", "\\n".join([*rows, f"{info}/RECORD,,", ""]))
    return name
"""
_PYPROJECT = '[build-system]\nrequires = [{requires}]\nbuild-backend = "tiny"\n'


def backend_wheel():
    """The pin and the bytes of the wheel of the backend, called tiny."""
    data = make_wheel("tiny", files={"tiny.py": _BACKEND.encode()})
    return pin(data, "tiny"), data


def tar_of(members):
    """A tar.gz of (TarInfo, bytes)."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def make_sdist(name="demo", version="1.0", files=None, requires=(), build=("tiny",), on_build=None, more="", tag=None):
    """The bytes of an sdist.

    files: path -> text, besides the module. requires: of its wheel. build: its build requirements.
    on_build: what its backend runs. more: further lines of project.py, which the backend reads.
    """
    project = f"NAME, VERSION, REQUIRES = {name!r}, {version!r}, {list(requires)!r}\n{more}\n"
    project += f"TAG = {tag!r}\n" if tag else ""
    every = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": _PYPROJECT.format(requires=", ".join(f'"{one}"' for one in build)),
        "project.py": project,
        f"{name}.py": "VALUE = 1\n",
        **({"on_build.py": on_build} if on_build else {}),
        **(files or {}),
    }
    members = [(tarfile.TarInfo(f"{name}-{version}/{path}"), text.encode()) for path, text in every.items()]
    return tar_of(members)


def sdist_pin(data, name="demo", version="1.0"):
    """An sdist as resolved locks hold it."""
    return {**pin(data, name, version), "filename": f"{name}-{version}.tar.gz"}
