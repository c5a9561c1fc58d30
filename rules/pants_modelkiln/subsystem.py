"""The options of `[modelkiln]`."""

from __future__ import annotations

from typing import Any

from pants.option.option_types import BoolOption, DictOption, IntOption, SkipOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text


class ModelkilnSubsystem(Subsystem):
    options_scope = "modelkiln"
    name = "modelkiln"
    help = "Packages of trained machine-learning models."

    accelerators = DictOption[Any](
        default={},
        help=help_text("""
            Accelerators by name. `model_package(accelerator="cuda12")` takes everything that defines a
            variant from here:

                [modelkiln.accelerators]
                cpu = "python-default"          # only the resolve

                [modelkiln.accelerators.gpu]
                resolve = "gpu"                 # a key of `[python].resolves`
                cuda = "12.4"                   # its release, or "12" for any minor release
                driver = "550.54.14"            # the oldest that works
                architectures = ["8.0", "9.0"]  # compute capabilities that the code is compiled for
                env = {OMP_NUM_THREADS = "1"}   # put into the image

                [modelkiln.accelerators.mi300]
                resolve = "amd"
                rocm = "7.0"                    # `tpu = true` for TPUs
                driver = "6.12.12"              # of the kernel module amdgpu, which a start compares
                architectures = ["gfx942"]

            Every key may be left out, and so may the whole table. The default resolve is the one of the
            accelerator's name, and for `cpu` otherwise `[python].default_resolve`. Names such as
            `cuda12`, `cuda124` and `cu124` state their CUDA release, `rocm7` and `rocm64` that of ROCm,
            `tpu` is for TPUs, and other names stand for no device. The default driver is the oldest that
            NVIDIA names for the major release; for ROCm there is none.
            """),
    )
    resolve_constraints = DictOption[Any](
        default={},
        help=help_text("""
            Python resolves by name, each with a list of other resolves whose pins it shares: `pants lock`
            takes the same versions where they fit, so that variants of a package differ only where they
            must.

                [modelkiln.resolve_constraints]
                cuda12 = ["cpu"]
            """),
    )
    resolve_indexes = DictOption[Any](
        default={},
        help=help_text("""
            Python resolves by name, each with a list of package indexes to use in addition to the one
            that pip is configured with on the machine. They are not written to locks.

                [modelkiln.resolve_indexes]
                cuda12 = ["https://registry.example.com/whl/cu126"]

            `pants lock` reads no further indexes and no folders of wheels from pip's configuration: a
            lock must not depend on the machine that made it.
            """),
    )
    resolve_find_links = DictOption[Any](
        default={},
        help=help_text("""
            Python resolves by name, each with a list of folders (`file:///path`) or pages of wheels to
            use in addition to indexes. They are not written to locks. A folder of the repository is
            `"file://%(buildroot)s/wheels"`.
            """),
    )
    resolve_file_owners = DictOption[Any](
        default={},
        help=help_text("""
            Python resolves by name, each with a table of which package has a file that several of its
            packages install with different content, such as `LICENSE` or the folder `tests/`. Paths
            are relative to `site-packages`.

                [modelkiln.resolve_file_owners.cuda12]
                "tests/" = "numpy"
                "LICENSE" = "scipy"

            The others are packaged without these files, which the record says. Without a decision
            such packages are refused.
            """),
    )
    extra_build_requirements = DictOption[Any](
        default={},
        help=help_text("""
            Packages that are built from their sdists, each with a list of what that needs and the sdist
            does not say:

                [modelkiln.extra_build_requirements]
                chumpy = ["pip"]

            `pants lock` writes them with all else to the lock of build requirements, `<resolve>.build.txt`.
            """),
    )
    unsandboxed_sdists = DictOption[Any](
        default={},
        help=help_text("""
            Python resolves by name, each with a list of packages without a wheel whose own code `pants lock`
            may run on a machine that cannot run bubblewrap, as you, with your files and the network in reach.

                [modelkiln.unsandboxed_sdists]
                cpu = ["some-package"]

            Elsewhere that code runs in a sandbox, and no package needs to be listed.
            """),
    )
    source_clients_lock = StrOption(
        default=None,
        help=help_text("""
            A file with locked requirements for the engine's processes that read from object stores,
            Hugging Face and MLflow, in place of the backend's own `sources.txt`, which has clients for
            s3, Hugging Face and registries. It must contain all of that, and what is to be added, such as
            `gcsfs` for `gs://` and `adlfs` for `az://`.
            """),
    )
    build_toolchains = StrListOption(
        default=[],
        help=help_text("""
            Addresses of `build_toolchain` targets, one for each Python release: locked compilers that build
            packages without a wheel from their sdists. For a Python release without a toolchain such
            packages must be pure Python.
            """),
    )
    base_image = StrOption(
        default=None,
        help="The address of the `oci_base_image` for packages that don't name one.",
    )
    interpreter = StrOption(
        default=None,
        help="The address of the `portable_python` for packages of the format `scie` that don't name one.",
    )
    python = StrOption(
        default="3.11",
        help="The Python release of packages whose base image does not state it.",
    )
    glibc = StrOption(
        default="2.28",
        help=help_text("""
            The release of the C library that wheels may need, for packages whose base image does not
            state it.
            """),
    )
    compression = StrOption(
        default="zstd",
        help=help_text("""
            How layers of code and dependencies are compressed: `zstd`, `gzip` (for registries and
            runtimes from before 2020) or `none`. Weights are never compressed, and neither is a
            package's own code of up to 64 KiB.
            """),
    )
    large_blob_limit = IntOption(
        default=64 << 20,
        advanced=True,
        help=help_text("""
            Model artifacts of more bytes than this never pass through Pants, which would take half
            a minute for each GB: a larger file is refused in the field `source` of a
            `model_artifact` that has no `lock`, and larger artifacts in a PEX that bundles them.
            """),
    )
    dist_blob_limit = IntOption(
        default=0,
        advanced=True,
        help=help_text("""
            Layers of dependencies, bases and large weights are not copied to `dist/`: image layouts
            link to them through `dist/.store`, a link to the store in Pants' named caches. A layout is
            complete on this machine; `cp -rL` or `modelkiln export` makes a copy for other machines.

            Layers of up to this many bytes are copied to `dist/.blobs/` instead, once for all packages,
            so that the folder `dist/` itself can be moved to another machine.
            """),
    )
    stamps = StrListOption(
        default=[],
        help=help_text("""
            Values for placeholders in `publish_tags` and `repositories` that come from outside, such as a
            commit: `--modelkiln-stamps=git_sha=0a1b2c3` gives `{git_sha}` a value. A name alone
            stands for that environment variable: with `GITHUB_SHA` in this list a tag may be
            `{GITHUB_SHA}`.

            They name what is published and are not part of the package.
            """),
    )
    artifact_layers = StrOption(
        default="raw",
        advanced=True,
        help=help_text("""
            What the layers of the format `artifact` are: `raw`, each a file as it is, which runtimes mount and whose
            digest is the file's, or `tar`, those of the image, for artifacts of thousands of files.
            """),
    )
    insecure_registries = StrListOption(
        default=[],
        help=help_text("""
            Registries (host, with its port) that are accessed without TLS, such as
            `127.0.0.1:5000`. All others are accessed over TLS.
            """),
    )
    format_suffixes = DictOption[str](
        default={"artifact": "-artifact", "weights-image": "-weights"},
        advanced=True,
        help=help_text("""
            What is appended to a package's tags for each of its formats, since their tags would
            otherwise collide. For a format that is not listed, nothing is.
            """),
    )
    signing = DictOption[Any](
        default={},
        help=help_text("""
            Who signs what `pants publish` sends, as `cosign` 3 verifies it. Without it nothing is signed.

                [modelkiln.signing]
                key = "~/.keys/release.key"          # EC P-256 or P-384: PEM, or as cosign encrypts it
                passphrase_file = "/run/secrets/p"   # without it, somebody is asked on the terminal

            For a key in a KMS, a command that gets the bytes to sign on standard input and prints the
            signature (DER, or that in base64):

                [modelkiln.signing]
                command = "build-support/sign-with-kms.sh"
                public_key = "build-support/release.pub"

            Or, without a key of one's own, a command that makes the whole Sigstore bundle of a statement:

                [modelkiln.signing]
                keyless_command = "cosign attest-blob --yes --statement {statement} --bundle {bundle}"
                variables = ["SIGSTORE_ID_TOKEN"]    # what a command gets besides HOME and PATH

            `certificates` is a list of files (PEM): that of the key, and those between it and an
            authority; `timestamp_url` is a service that states when a signature was made (RFC 3161).
            Paths are relative to the build root. One small process reads the key, after everything
            has been built and sent.
            """),
    )
    explain = BoolOption(
        default=False,
        help=help_text("""
            Let `package` say of each `model_package` which layers it made again and why: what differs
            from the record that `dist/` has of the last time.
            """),
    )
    publish_record = BoolOption(
        default=True,
        advanced=True,
        help=help_text("""
            Publish with the package its record, its bill of materials (CycloneDX) and its provenance
            (in-toto, SLSA), as artifacts that refer to it (OCI 1.1 `subject`). Turn it off for
            registries that accept images alone.
            """),
    )
    publish_attestation_manifests = BoolOption(
        default=False,
        advanced=True,
        help=help_text("""
            Publish images so that docker's own tools find their bill of materials (SPDX) and their
            provenance: a tag then means an index that lists, next to the images, manifests of these
            statements, as BuildKit writes it. The digests of images stay; that of a tag depends on
            `builder_id`, too.
            """),
    )
    publish_test_results = BoolOption(
        default=False,
        advanced=True,
        help=help_text("""
            Before a package is published, run the `model_smoke_test` targets that name it on its
            image, as `pants test` does, and publish with it that they passed (in-toto's
            `test-result`). Where one fails nothing is published. Where none can be run there is no
            such statement; `[smoke-test].require` makes that a failure.
            """),
    )
    builder_id = StrOption(
        default=None,
        advanced=True,
        help=help_text("""
            Who builds packages, for their provenance: a URI, such as
            `https://ci.example.com/runners/release`. Policies trust builders by it, so set it in
            CI's own configuration alone. Without it the builder is `urn:modelkiln:builder:unknown`.
            """),
    )
    interpreter_constraints = StrListOption(
        default=["CPython>=3.9,<3.15"],
        advanced=True,
        help="The Python that the packaging engine's own processes run on.",
    )
    scie_mirror = StrOption(
        default=None,
        advanced=True,
        help=help_text("""
            The address (`https://host/folder` or `file:///folder`) of a mirror of the files of
            `portable_python` targets, in place of the projects' releases on GitHub.

            Its layout is that of Pex' `--scie-assets-base-url`, which `science download` makes, with
            `science` itself below `lift/` as in its releases: the paths are those in the lock.
            """),
    )
    debian_mirror = StrOption(
        default=None,
        advanced=True,
        help=help_text("""
            The addresses of Debian archives to fetch locked packages from, separated by spaces: the first
            that has a file is taken. The default is what the machine's apt is configured to use, for which
            the word `apt` stands, as in `"file:///mnt/debian apt"` with a folder that
            `modelkiln mirror` has made. A security suite is looked for in each archive and, beside
            `https://host/debian`, in `https://host/debian-security`.
            """),
    )


class SmokeTestSubsystem(Subsystem):
    options_scope = "smoke-test"
    name = "smoke tests"
    help = "Requests sent to packaged models by the `test` goal."

    skip = SkipOption("test")
    record = BoolOption(
        default=False,
        help=help_text("""
            Write the response of each package, in its first format, into the file that the field
            `expected` of its test names, and say how it differs from the one that was there. Look at
            it before you commit it: from then on it is the right one.
            """),
    )
    provided = StrOption(
        default="/opt/provided",
        help=help_text("""
            The folder of this machine with what packages name in `provided_requirements`, as `pip install
            --target` fills it. Where it exists, packages are tested with it; elsewhere the result of such a
            package says what was not run.
            """),
    )
    require = BoolOption(
        default=False,
        help=help_text("""
            Fail where this host cannot run a format, such as an image without bubblewrap. Otherwise
            the result says why it was not run. CI should set it.
            """),
    )
