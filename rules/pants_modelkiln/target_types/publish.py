"""The fields that say where a target is published."""

from __future__ import annotations

from pants.engine.target import BoolField, StringSequenceField
from pants.util.strutil import help_text


class PublishRepositoriesField(StringSequenceField):
    alias = "repositories"
    help = help_text("""
        Where `pants publish` puts the package: repositories in full, without tags, such as
        `registry.example.com/models/digits`. The placeholders of `publish_tags` may be used.
        """)


class PublishTagsField(StringSequenceField):
    # `tags` is every target's own field, for `--tag`; `__defaults__` often set it.
    alias = "publish_tags"
    default = ("{version}",)
    help = help_text("""
        The tags under which the package is published. A published tag does not move: where it
        exists with another digest, publishing fails.

        Placeholders: `{version}`, `{name}`, `{digest}` (12 digits of the package digest),
        `{variant}` (the accelerator), `{platform}` (such as `linux-amd64`), and the values of
        `[modelkiln].stamps`, such as `{git_sha}`. A placeholder without a value is an
        error.
        """)


class PublishMovingTagsField(StringSequenceField):
    alias = "moving_tags"
    default = ()
    help = "Tags that move to the newest package, such as `latest`; with placeholders as in `publish_tags`."


class PublishWheelIndexesField(StringSequenceField):
    alias = "wheel_indexes"
    help = help_text("""
        With the format `"wheel"`: the indexes of Python packages that `pants publish` puts the wheel
        into, by the addresses that twine uploads to, or as `"@section"` of `~/.pypirc`. Logins are
        `TWINE_USERNAME` and `TWINE_PASSWORD`, or those of the section.

        What an index has does not change: another file of the same name is an error, and the same one
        is left as it is.
        """)


class SkipPublishField(BoolField):
    alias = "skip_publish"
    default = False
    help = "Leave the target out of `pants publish`."


PUBLISH_FIELDS = (PublishRepositoriesField, PublishTagsField, PublishMovingTagsField, SkipPublishField)
