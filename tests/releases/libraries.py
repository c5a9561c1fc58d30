"""Which releases are tried: the last of each minor one that a lock of today may have."""

from environments import Library

__all__ = ["LIBRARIES"]


def _all(python: str, *releases: str) -> tuple[tuple[str, str], ...]:
    return tuple((release, python) for release in releases)


_NUMPY_1 = ("numpy==1.26.4", "scipy==1.11.4", "joblib==1.4.2", "threadpoolctl==3.5.0")
LIBRARIES = (
    Library(
        "scikit-learn",
        (
            *_all("3.9", "0.24.2", "1.0.2", "1.1.3", "1.2.2", "1.3.2", "1.4.2", "1.5.2", "1.6.1"),
            *_all("3.11", "1.7.2", "1.8.0", "1.9.0"),
        ),
        (*_NUMPY_1, "narwhals"),
    ),
    Library(
        "xgboost",
        (*_all("3.10", "2.1.4", "3.0.5", "3.1.1"), *_all("3.11", "3.2.0")),
        _NUMPY_1,
        distribution="xgboost-cpu",
    ),
    Library(
        "lightgbm",
        _all("3.9", "2.3.1", "3.0.0", "3.2.1", "3.3.5", "4.3.0", "4.6.0"),
        (*_NUMPY_1, "scikit-learn==1.3.2"),
    ),
    Library("numpy", (*_all("3.9", "1.24.4", "1.25.2", "1.26.0", "1.26.4", "2.0.2"), *_all("3.12", "2.4.0"))),
    Library(
        "onnxruntime",
        (
            *_all("3.10", "1.13.1", "1.14.1", "1.15.1"),
            *_all("3.11", "1.16.3", "1.17.3", "1.18.1", "1.20.1", "1.21.1", "1.22.1", "1.23.2", "1.24.1", "1.25.0"),
            *_all("3.11", "1.28.0", "1.30.0", "1.31.0"),
        ),
        ("numpy==1.26.4", "flatbuffers", "packaging", "protobuf"),
        generated=True,
    ),
    Library(
        "safetensors",
        _all("3.11", "0.3.3", "0.4.0", "0.4.1", "0.5.3", "0.6.1", "0.7.0", "0.8.0"),
        generated=True,
    ),
    Library(
        "tokenizers",
        (
            *_all("3.9", "0.12.1", "0.13.2", "0.13.3", "0.14.1", "0.15.2"),
            *_all("3.10", "0.19.1", "0.20.3", "0.21.4", "0.23.1"),
        ),
        ("huggingface_hub<1", "filelock", "fsspec", "packaging", "pyyaml", "requests", "tqdm", "typing_extensions"),
        generated=True,
    ),
    Library(
        "keras",
        _all("3.11", "3.0.5", "3.9.2", "3.12.4", "3.13.2", "3.14.1", "3.15.1"),
        (
            *("numpy==1.26.4", "scipy==1.13.1", "jax==0.4.30", "jaxlib==0.4.30", "opt_einsum", "ml-dtypes==0.4.1"),
            *("absl-py", "dm-tree", "h5py", "markdown-it-py", "mdurl", "namex", "optree", "packaging", "pygments"),
            *("rich", "typing_extensions"),
        ),
    ),
    Library(
        "gguf",
        _all("3.10", "0.13.0", "0.17.1", "0.18.0", "0.19.0"),
        ("numpy==1.26.4", "pyyaml", "sentencepiece", "tqdm"),
        generated=True,
    ),
    Library(
        "skops",
        _all("3.11", "0.9.0", "0.10.0", "0.11.0", "0.12.0", "0.13.0", "0.16.0"),
        (
            *("numpy==1.26.4", "scipy==1.11.4", "scikit-learn==1.5.2", "joblib==1.4.2", "threadpoolctl==3.5.0"),
            *("packaging", "prettytable", "tabulate", "wcwidth"),
        ),
    ),
    Library(
        "joblib",
        (*_all("3.9", "1.0.1", "1.1.1", "1.2.0", "1.4.2", "1.5.3"), *_all("3.11", "1.6.0")),
        ("numpy==1.26.4", "cloudpickle==3.1.2"),
    ),
    Library("cloudpickle", _all("3.9", "1.6.0", "2.0.0", "2.1.0", "2.2.1", "3.0.0", "3.1.2")),
    # The last of numpy 1 is for older releases, 3.1 wants numpy 2.
    Library(
        "pandas",
        (*_all("3.9", "1.5.3", "2.0.3", "2.1.4", "2.2.3"), *_all("3.11", "3.0.0")),
        ("numpy==1.26.4", "python-dateutil", "pytz", "six", "tzdata"),
    ),
    Library(
        "pandas",
        (*_all("3.9", "2.3.3"), *_all("3.11", "3.0.5", "3.1.1")),
        ("numpy==2.0.2", "python-dateutil", "pytz", "six", "tzdata"),
    ),
    Library("torch", _all("3.11", "2.2.2", "2.5.1", "2.8.0"), ("numpy==1.26.4",), generated=True, is_closed=True),
)
