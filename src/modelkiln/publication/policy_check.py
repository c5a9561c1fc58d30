"""Whether what refers to a package, in a registry or a layout, is what a policy wants."""

from typing import Optional

from modelkiln.attestation.judgement import Judged, Judgement, judge
from modelkiln.attestation.policy import Policy
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import Layout
from modelkiln.publication.remote_package import RemotePackage
from modelkiln.publication.signatures import bundles_in_layout, bundles_in_registry, package_digest

__all__ = ["judge_layout", "judge_remote"]


def judge_remote(package: RemotePackage, policy: Policy) -> Judgement:
    """Return what the policy says of what a reference names, by what refers to that in its repository."""
    digest = package.contents.root.descriptor.digest
    try:
        judged = Judged(package.reference.image, digest, package_digest(package.record()))
        return judge(policy, judged, bundles_in_registry(package.client, digest))
    except ModelkilnError as error:
        return Judgement((str(error),), ())


def judge_layout(layout: Layout, digest: str, record: Optional[bytes], policy: Policy, repository: str) -> Judgement:
    """Return what the policy says of a manifest of a layout. record: the package's. repository: "registry/name" that
    it is for, or ""."""
    try:
        judged = Judged(repository, digest, package_digest(record))
        return judge(policy, judged, bundles_in_layout(layout, digest))
    except ModelkilnError as error:
        return Judgement((str(error),), ())
