"""The target type `model_ensemble`."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Optional

from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RestartableField
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    Field,
    InvalidFieldException,
    InvalidFieldTypeException,
    SpecialCasedDependencies,
    Target,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from modelkiln.ensemble.step import read_steps
from modelkiln.errors import ModelkilnError
from pants_modelkiln.target_types.fields import ModelLayoutField, thawed
from pants_modelkiln.target_types.lint import LINT_FIELDS
from pants_modelkiln.target_types.package import (
    ModelEntryPointField,
    ModelEntrypointField,
    ModelFormatsField,
    ModelMetadataField,
    ModelSignatureField,
    ModelVersionField,
)
from pants_modelkiln.target_types.publish import PUBLISH_FIELDS

# A member's name is a folder's, too.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class EnsembleDependenciesField(Dependencies):
    help = help_text("""
        What goes into the ensemble in addition to its members and to what `combine` imports, which is inferred.
        """)


class EnsembleMembersField(SpecialCasedDependencies):
    alias = "members"
    required = True
    help = help_text("""
        The packages that answer together, by the names that `steps` call them by:
        `{"embed": ":embedder", "score": ":scorer"}`. A member is a `model_package` or another
        `model_ensemble`; of a package with several variants its address names one,
        `":embedder@accelerator=cpu"`.

        All members have the same base image, accelerator and platforms, and `weights` of one kind; their
        model artifact files lie in one folder. A member whose code has a file of another one's path, with
        other content, answers in a process of its own, and so does one that needs another version of a
        third-party distribution: an image then has an environment for it, and a PEX is refused.
        """)
    value: Optional[FrozenDict]  # type: ignore[assignment]

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> Optional[FrozenDict]:  # type: ignore[override]
        """Take a dictionary of addresses."""
        if not isinstance(raw_value, Mapping) or not all(isinstance(one, str) for one in raw_value.values()):
            raise InvalidFieldTypeException(
                address, cls.alias, raw_value, expected_type='a dictionary of addresses, {"embed": ":embedder"}'
            )
        if not raw_value:
            raise InvalidFieldException(f"{address}: the field `members` is empty. Name at least one package.")
        for name in raw_value:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise InvalidFieldException(
                    f"{address}: `members`: the name {name!r} is not one of letters, digits, `_`, `-` and `.`."
                )
        return FrozenDict(raw_value)

    def to_unparsed_address_inputs(self) -> UnparsedAddressInputs:
        """The addresses, as a list of them would have them."""
        return UnparsedAddressInputs(
            tuple(dict.fromkeys((self.value or {}).values())),
            owning_address=self.address,
            description_of_origin=f"the `{self.alias}` field from the target {self.address}",
        )


class EnsembleStepsField(Field):
    alias = "steps"
    required = True
    help = help_text("""
        The calls of members, as in Triton's ensemble scheduling. The maps lead from a member's own
        names of tensors to the ensemble's:

            [
                {
                    "model_name": "embed",
                    "input_map": {"text": "question"},
                    "output_map": {"vector": "embedding"},
                },
                {
                    "model_name": "score",
                    "input_map": {"features": "embedding"},
                    "output_map": {"score": "score"},
                },
            ]

        A step is called when its inputs are there, so that the order of the list does not matter and
        steps that do not depend on each other run at the same time. Each tensor is an input of the
        ensemble or made by one step; names, datatypes and shapes must fit along every edge, where -1
        fits anything.
        """)
    value: str
    default = None

    @classmethod
    def compute_value(cls, raw_value: Any, address: Address) -> str:
        """The value as JSON text: it must be hashable, and nested."""
        value = thawed(super().compute_value(raw_value, address))
        try:
            return json.dumps([step.to_json() for step in read_steps(value, str(address))])
        except ModelkilnError as error:
            raise InvalidFieldException(str(error)) from None


class EnsembleCombineField(ModelEntryPointField):
    alias = "combine"
    required = False
    help = help_text("""
        A plain callable that makes the outputs which no step makes: `"predict.py:merge"` is a
        function `merge(tensors: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]`. It gets all
        tensors of the ensemble, inputs and what steps made. Its dependencies are inferred; what they
        need of third parties must be in the environment of a member, of several environments in the
        largest.
        """)


class EnsembleSignatureField(ModelSignatureField):
    required = True
    help = help_text("""
        A JSON file with the names, datatypes and shapes of the ensemble's inputs and outputs, as that of
        a `model_package`. Inputs and outputs are tensors of the ensemble, by the names that `steps`
        use.
        """)


class EnsembleFormatsField(ModelFormatsField):
    valid_choices = ("pex", "oci", "artifact", "weights-image")
    help = help_text("""
        What the ensemble is rendered as: `"pex"`, one executable file, `"oci"`, a container image
        of which the layers are the members' own, or what holds the files of the members' artifacts
        alone, `"artifact"` and `"weights-image"`, as of a `model_package`.
        """)


class ModelEnsembleTarget(Target):
    alias = "model_ensemble"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        EnsembleDependenciesField,
        EnsembleMembersField,
        EnsembleStepsField,
        EnsembleCombineField,
        EnsembleSignatureField,
        EnsembleFormatsField,
        ModelLayoutField,
        ModelVersionField,
        ModelEntrypointField,
        ModelMetadataField,
        *PUBLISH_FIELDS,
        OutputPathField,
        RestartableField,
        *LINT_FIELDS,
    )
    help = help_text("""
        Several packages that answer as one: a package whose inference script calls its members, with
        one package digest and one record that names the package digest of each.

        It is packaged, run, tested with a `model_smoke_test` and published as a `model_package` is. The
        layers of its image are those of its members' images, and two small ones with its code and its
        record.

        Example:

            model_ensemble(
                name="search",
                members={"embed": ":embedder", "score": ":scorer"},
                steps=[
                    {
                        "model_name": "embed",
                        "input_map": {"text": "question"},
                        "output_map": {"vector": "embedding"},
                    },
                    {
                        "model_name": "score",
                        "input_map": {"features": "embedding"},
                        "output_map": {"score": "score"},
                    },
                ],
                signature="signature.json",
                version="1.0.0",
            )
        """)
