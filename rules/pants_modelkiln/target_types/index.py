"""The target type `model_index`."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import COMMON_TARGET_FIELDS, AsyncFieldMixin, Dependencies, StringSequenceField, Target
from pants.util.strutil import help_text

from pants_modelkiln.target_types.lint import LINT_FIELDS
from pants_modelkiln.target_types.publish import PUBLISH_FIELDS


class ModelIndexPackagesField(StringSequenceField, AsyncFieldMixin):
    # No SpecialCasedDependencies: Pants resolves those to one target each, and an address here may
    # name all variants of one.
    alias = "packages"
    required = True
    help = help_text("""
        The addresses of the `model_package` targets whose images the index names, in order of
        preference: a runtime that could run several takes the first. An address without parameters
        names all variants of its target. They must share one name and one version.
        """)


class ModelIndexTarget(Target):
    alias = "model_index"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        ModelIndexPackagesField,
        *PUBLISH_FIELDS,
        *LINT_FIELDS,
        OutputPathField,
    )
    help = help_text("""
        The images of a model's variants, and of their platforms, under one OCI image index: one
        tag for all of them.

        `package` writes it as an image layout to `dist/`, with a record that contains those of all
        variants; its layers are those of the variants' own images. The annotations of each entry
        name its accelerator, release and driver (`modelkiln.package.*`).

        Container runtimes choose by platform alone and take the first entry that fits, so put the
        variant that runs everywhere first. Deployment tools that know their machines choose by the
        annotations and pull by digest.

        Example:

            model_index(
                name="all",
                packages=[":digits@accelerator=cpu", ":digits@accelerator=cuda12"],
                repositories=["registry.example.com/models/{name}"],
                publish_tags=["{version}-all"],
            )
        """)
