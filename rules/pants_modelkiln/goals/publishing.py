"""What publishing has in common, whatever is published and wherever it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping

from pants.core.goals.publish import PublishFieldSet, PublishOutputData, PublishPackages, PublishProcesses
from pants.engine.process import InteractiveProcess, Process

from modelkiln.machine.settings import INSECURE_REGISTRIES
from pants_modelkiln.subsystem import ModelkilnSubsystem
from pants_modelkiln.target_types.publish import SkipPublishField


@dataclass(frozen=True)
class ModelPublishFieldSet(PublishFieldSet):
    """The fields of a target that is published; those of each kind of place come with its own class."""

    skip_publish: SkipPublishField

    def get_output_data(self) -> PublishOutputData:
        """What `[publish].output` reports of the target."""
        return PublishOutputData({"publisher": "modelkiln", **super().get_output_data()})


def skipped(fields: ModelPublishFieldSet) -> PublishProcesses:
    """Nothing to run, and why."""
    return PublishProcesses(
        [PublishPackages((str(fields.address),), description=f"(by `skip_publish` on {fields.address})")]
    )


def in_foreground(process: Process, places: Mapping[str, str], options: ModelkilnSubsystem) -> InteractiveProcess:
    """A step as a process that asks the world of this moment, and is never cached. places: variables that say where
    logins and certificates lie. The rest of the machine's settings lies next to the store: Pants logs the environment
    of a process."""
    kept = dict(places)
    if options.insecure_registries:
        kept[INSECURE_REGISTRIES] = " ".join(options.insecure_registries)
    return InteractiveProcess.from_process(replace(process, env={**process.env, **kept}))
