# Made by tests/support/pants_interfaces.py: declarations of Pants (Apache-2.0) that the rules use.
from typing import Any, ClassVar
from abc import ABCMeta as ABCMeta
from pants.engine.fs import Digest as Digest
from pants.core.goals.resolves import ExportMode as ExportMode
from pants.core.goals.resolves import ExportableTool as ExportableTool
from pants.option.subsystem import Subsystem as Subsystem
from pants.util.meta import classproperty as classproperty
from dataclasses import dataclass as dataclass
@dataclass(frozen=True)
class DownloadedExternalTool:
    digest: Digest
    exe: str
class ExternalToolOptionsMixin:

    @classproperty
    def name(cls):
        ...
    default_version: str
    default_known_versions: list[str]
    version_constraints: str | None = ...
    version: ClassVar[Any]
    known_versions: ClassVar[Any]
class ExternalTool(Subsystem, ExportableTool, ExternalToolOptionsMixin, metaclass=ABCMeta):

    def __init__(self, *args, **kwargs):
        ...
    export_mode = ExportMode.binary
    use_unsupported_version: ClassVar[Any]
class TemplatedExternalToolOptionsMixin(ExternalToolOptionsMixin):
    default_url_template: str
    default_url_platform_mapping: dict[str, str] | None = ...
    url_template: ClassVar[Any]
    url_platform_mapping: ClassVar[Any]
class TemplatedExternalTool(ExternalTool, TemplatedExternalToolOptionsMixin):
    ...
