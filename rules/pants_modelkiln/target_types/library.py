"""Fields of a `model_package` that say what its wheel is called and what it requires."""

from __future__ import annotations

from pants.engine.target import StringField
from pants.util.strutil import help_text

from modelkiln.package.model_wheel import REQUIRES


class ModelDistributionField(StringField):
    alias = "distribution"
    help = help_text("""
        With the format `"wheel"`: the name under which the model is installed, such as
        `"acme-fraud"`. The default is the name of the target, and of a variant that with what makes it
        one, such as an accelerator other than `cpu`: `fraud-cuda12`. `{variant}` stands for the
        accelerator.
        """)


class ModelImportNameField(StringField):
    alias = "import_name"
    help = help_text("""
        With the format `"wheel"`: what applications import, such as `"acme_fraud"` or
        `"acme.fraud"`. The default is `distribution` as a Python identifier.
        """)


class ModelWheelRequiresField(StringField):
    alias = "wheel_requires"
    default = "declared"
    valid_choices = REQUIRES
    help = help_text("""
        With the format `"wheel"`: how the dependencies become `Requires-Dist`. `"declared"`: what the
        code imports, as its `python_requirement` targets declare it and at least in the locked
        version, so that an application can have newer ones. `"exact"`: all packages of the lock that the
        model needs, pinned. `"none"`: none, they are the application's affair.

        The locked versions, with which the model is tested, are in the wheel as `constraints.txt`.
        """)
