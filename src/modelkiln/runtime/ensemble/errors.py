"""The error of an ensemble."""

from modelkiln.runtime.errors import PackageError

__all__ = ["StepError"]


class StepError(PackageError):
    """A member could not be started or a step failed; names the member, the step and its inputs."""
