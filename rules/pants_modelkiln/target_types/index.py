"""The target type `model_index`."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import COMMON_TARGET_FIELDS, AsyncFieldMixin, Dependencies, StringSequenceField, Target
from pants.util.strutil import help_text

from pants_modelkiln.target_types.publish import PUBLISH_FIELDS


class ModelIndexPackagesField(StringSequenceField, AsyncFieldMixin):
    # No SpecialCasedDependencies: Pants resolves those to one target each, and an address here may
    # name all variants of one.
    alias = "packages"
    required = True
    help = help_text("""
        The addresses of the `model_package` targets whose images the index names, in the order in
        which a runtime that is content with several takes them. An address without parameters
        names all variants of its target. They must have one name and one version.
        """)


class ModelIndexTarget(Target):
    alias = "model_index"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        Dependencies,
        ModelIndexPackagesField,
        *PUBLISH_FIELDS,
        OutputPathField,
    )
    help = help_text("""
        The images of a model's variants, and of their platforms, under one OCI image index: one
        tag for all of them.

        `package` writes it as an image layout to `dist/`, with a record that holds those of all
        variants; its layers are those of the variants' own images. Each entry of the index says in
        its annotations which accelerator, CUDA release and driver it is for (`modelkiln.package.*`).

        Container runtimes choose by platform alone and take the first entry that fits, so name the
        variant first that runs everywhere. Deployment tools that know their machines choose by the
        annotations, and pull by digest.

        Example:

            model_index(
                name="all",
                packages=[":digits@accelerator=cpu", ":digits@accelerator=cuda12"],
                repositories=["registry.example.com/models/{name}"],
                publish_tags=["{version}-all"],
            )
        """)
