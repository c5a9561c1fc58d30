"""Where things lie in packages, and the user that images run as; digests depend on all of it."""

__all__ = [
    "ARTIFACT_TYPE",
    "CODE_FOLDER",
    "FILE_PATH",
    "MODELS_FOLDER",
    "MODELS_MOUNT",
    "OLD_RECORD_PATH",
    "OPAQUE_WHITEOUT",
    "PEX_MODELS",
    "PEX_SBOM",
    "PREDICATE_ANNOTATIONS",
    "RECORD_PATH",
    "RECORD_TYPE",
    "SBOM_NAME",
    "SBOM_PATH",
    "SBOM_TYPE",
    "TOKENIZER_FORMATS",
    "USER_ID",
    "VENV",
    "VENVS",
    "WEIGHTS_LABEL",
]

# Where model artifacts lie in an image. KServe looks there too.
MODELS_FOLDER = "models"
MODELS_MOUNT = f"/{MODELS_FOLDER}"

# Where code lies in an image, the record below it. In a PEX it lies at the top.
CODE_FOLDER = "app"
RECORD_PATH = ".modelkiln/record.json"
# Where packages had it that were made before: scanners take any file of that name for a package of npm.
OLD_RECORD_PATH = ".modelkiln/package.json"
# Where an image has its bill of materials, where scanners look for such, and what the file is called in a wheel, below
# `.dist-info/sboms` (PEP 770). In a PEX it lies next to the record.
SBOM_NAME = "modelkiln.cdx.json"
SBOM_PATH = f"usr/share/sbom/{SBOM_NAME}"
PEX_SBOM = ".modelkiln/sbom.cdx.json"
# Of a bill in JSON: IANA's media type.
SBOM_TYPE = "application/vnd.cyclonedx+json"
# The type of the artifact that holds the record next to a package, and of its layer: the record as `pants package`
# writes it to dist/.
RECORD_TYPE = "application/vnd.modelkiln.package.v1+json"
# Where a PEX has the model artifacts.
PEX_MODELS = ".modelkiln/models"

# CNCF model-spec 0.0.7, docs/spec.md, "OCI Image Manifest Specification For Model Artifacts".
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
# docs/annotations.md, "Layer Annotation Keys": the path of a layer's file.
FILE_PATH = "org.cncf.model.filepath"
# Formats of files that make up a tokenizer (`modelkiln.checks.headers.tokenizers`), which are no weights.
TOKENIZER_FORMATS = ("merges", "sentencepiece", "tekken", "tiktoken", "tokenizer", "tokenizer-config", "vocabulary")
# Of an image of weights alone: the set digest of its files, as in a weights lock.
WEIGHTS_LABEL = "modelkiln.weights.digest"

# Where an image has its virtual environment.
VENV = "opt/venv"
# And those of an ensemble's members whose wheels exclude others.
VENVS = "opt/venvs"

# The name of a file that hides what lower layers have in its folder (OCI image-spec, layer.md).
OPAQUE_WHITEOUT = ".wh..wh..opq"

# 65532 is what distroless images call nonroot; cluster policies that ask for a numeric user other
# than 0 accept it.
USER_ID = 65532

# Annotations that name the predicate of a statement which refers to a package: in-toto's, and that of Sigstore's
# bundles (sigstore/cosign, specs/BUNDLE_SPEC.md).
PREDICATE_ANNOTATIONS = ("in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType")
