"""A package of each kind of part, as its record and its locks describe it."""

from modelkiln.attestation.sbom.bom import BaseFacts, WheelFacts
from modelkiln.package.record import make_record

__all__ = ["ARCHIVE", "BASE", "WHEELS", "described_record"]

_TENSOR = {"name": "tokens", "datatype": "INT64", "shape": [-1, 128]}
_METADATA = {
    "approach": "supervised",
    "architecture": "BertModel",
    "authors": ["Ada Example", "Grace Example"],
    "considerations": {
        "users": "Analysts",
        "use_cases": ["Search"],
        "ethical_considerations": [{"name": "Bias", "mitigation": "Review"}, "Privacy"],
        "energy": {"training": "12 kWh"},
    },
    "datasets": ["wiki", {"name": "news", "url": "https://data.example/news", "rows": 3}],
    "description": "Embeds sentences.",
    "family": "transformer",
    "hardware": {"gpu": ["H200"]},
    "license": "apache-2.0",
    "lineage": {"base_model": "acme/base", "datasets": "books"},
    "metrics": {"recall": 0.93, "accuracy": {"value": "0.9", "slice": "news"}},
    "revision": "f00f",
    "source": "not an address",
    "task": "feature-extraction",
    "url": "https://models.example/embed",
}
_SDIST = {"filename": "demo-1.0.tar.gz", "sha256": "d0" * 32}
_BUILDER = {
    "name": "setuptools",
    "version": "80.0",
    "filename": "setuptools-80.0-py3-none-any.whl",
    "sha256": "5e" * 32,
}


def described_record(**changes):
    """The package's record; changes: of its inputs."""
    inputs = {
        "name": "embed",
        "version": "2.0.0",
        "variant": {"accelerator": "cpu", "platform": "linux/amd64", "python": "3.11"},
        "entry_point": "models.embed.predict:predict",
        "signature": {"inputs": [_TENSOR], "outputs": [{"name": "vector", "datatype": "FP32", "shape": [-1, 384]}]},
        "artifacts": [
            {"path": "chat template.jinja", "sha256": "a0" * 32, "size": 40, "format": "unknown"},
            {"path": "model.safetensors", "sha256": "a1" * 32, "size": 9000, "format": "safetensors",
             "facts": {"tensors": 3}},
            {"path": "tokenizer.json", "sha256": "a2" * 32, "size": 70, "format": "tokenizer",
             "facts": {"architecture": "WordPiece"}},
        ],
        "code": [
            {"path": "models/embed/predict.py", "sha256": "c0" * 32, "size": 5},
            {"path": "modelkiln/runtime/cli.py", "sha256": "c1" * 32, "size": 6},
        ],
        "requirements": [
            {"name": "demo", "version": "1.0", "filename": "demo-1.0-py3-none-any.whl", "sha256": "e0" * 32,
             "build": {"builder": "sdist/1", "python": "3.11", "sdist": _SDIST, "requirements": [_BUILDER],
                       "toolchain": "sha256:" + "70" * 32}},
            {"name": "numpy", "version": "2.4.6+cpu", "filename": "numpy-2.4.6-cp311-cp311-linux_x86_64.whl",
             "sha256": "e1" * 32},
            {"name": "proprietary", "version": "1.0", "filename": "proprietary-1.0-py3-none-any.whl",
             "sha256": "e2" * 32},
        ],
        "base": {"debian": "bookworm", "lock": "sha256:" + "b0" * 32},
        "metadata": _METADATA,
        "entrypoint": [],
        "weights": "bundled",
        "weights_lock": None,
    }  # fmt: skip
    return make_record({**inputs, **changes}).to_json()


WHEELS = WheelFacts(
    licenses={"numpy": {"expression": "BSD-3-Clause AND Zlib"}, "proprietary": {"name": "Acme EULA"}},
    needed_by={"demo": [""], "numpy": ["", "demo"], "proprietary": ["demo"]},
)


def _package(name, version, architecture="amd64"):
    filename = f"pool/main/{name}_{version}_{architecture}.deb"
    described = {"name": name, "version": version, "architecture": architecture, "filename": filename}
    return {**described, "size": 100, "sha256": name[-1].encode().hex() * 32}


BASE = BaseFacts(
    lock={
        "schema": 1,
        "suite": "bookworm",
        "architecture": "amd64",
        "packages": [
            _package("libc6", "2.36-9+deb12u14"),
            _package("media-types", "10.0.0", "all"),
            _package("python3.11-minimal", "3.11.2-6+deb12u8"),
            _package("zlib1g", "1:1.2.13.dfsg-1"),
        ],
    },
    packages={
        "libc6": {"source": "glibc", "source_version": "2.36-9+deb12u14", "needs": [], "licenses": []},
        "media-types": {"source": "media-types", "source_version": "10.0.0", "needs": [], "licenses": ["ad-hoc"]},
        "python3.11-minimal": {"source": "python3.11", "source_version": "3.11.2-6", "needs": ["libc6", "zlib1g"],
                               "licenses": ["GPL-2+", "Expat", "MIT", "GPL-2 or Artistic"]},
        "zlib1g": {"source": "zlib", "source_version": "1:1.2.13.dfsg-1", "needs": ["libc6"], "expression": "Zlib"},
    },
)  # fmt: skip
ARCHIVE = {
    "name": "cpython",
    "version": "3.11.14+20251120",
    "architecture": "amd64",
    "filename": "providers/PythonBuildStandalone/download/20251120/cpython-3.11.14.tar.gz",
    "size": 10,
    "sha256": "f0" * 32,
}
