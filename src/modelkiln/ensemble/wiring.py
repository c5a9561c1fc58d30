"""Whether the steps of an ensemble fit together: names, datatypes and shapes along every edge, order, completeness."""

from dataclasses import dataclass
from typing import Mapping, Optional, Sequence

from modelkiln.ensemble.step import Step
from modelkiln.errors import ModelkilnError
from modelkiln.package.signature import Signature, TensorSpec

__all__ = ["check_wiring"]


@dataclass(frozen=True)
class _Made:
    """A tensor of the ensemble, with what its maker's signature says of it. number: of the step that makes it, 0 for
    an input of the ensemble."""

    spec: TensorSpec
    maker: str
    number: int


def check_wiring(
    where: str,
    signature: Signature,
    members: Mapping[str, Signature],
    steps: Sequence[Step],
    has_combine: bool = False,
) -> None:
    """Refuse an ensemble whose steps cannot all be called, or make what nobody reads.

    members: their signatures by name. has_combine: a callable gets all tensors and makes the outputs that no step
    makes. Raises ModelkilnError that names `where`, each step and tensor that is wrong, and what to do.
    """
    wrong = _wrong_names(members, steps)
    if not wrong:
        made, wrong = _made_tensors(signature, members, steps)
        wrong += _wrong_inputs(made, members, steps)
        wrong += _wrong_outputs(made, signature, has_combine)
        wrong += _unused(made, signature, steps, has_combine)
    wrong = wrong or _circle(steps)
    if wrong:
        raise ModelkilnError(f"{where}: {' '.join(wrong)}")


def _wrong_names(members: Mapping[str, Signature], steps: Sequence[Step]) -> list[str]:
    """Members that do not exist or are not called, and names that a member's signature lacks."""
    wrong = []
    for number, step in enumerate(steps, 1):
        member = members.get(step.model_name)
        if member is None:
            wrong.append(
                f'step {number}: "model_name" is {step.model_name!r}, and `members` has {_listed(members)}. '
                "Name one of these, or add it there."
            )
            continue
        for key, pairs, specs in (
            ("input_map", step.input_map, member.inputs),
            ("output_map", step.output_map, member.outputs),
        ):
            names = [spec.name for spec in specs]
            wrong += [
                f'step {number}: "{key}" names {name!r}, and the signature of member "{step.model_name}" has '
                f"{_listed(names)} there. Use the member's own name as the key."
                for name, _ in pairs
                if name not in names
            ]
        missing = [spec.name for spec in member.inputs if spec.name not in dict(step.input_map)]
        wrong += [
            f'step {number}: input {name!r} of member "{step.model_name}" gets no tensor. Add it to "input_map".'
            for name in missing
        ]
    called = {step.model_name for step in steps}
    wrong += [f'member "{name}" is called by no step. Add one, or remove it.' for name in members if name not in called]
    return wrong


def _made_tensors(
    signature: Signature, members: Mapping[str, Signature], steps: Sequence[Step]
) -> tuple[dict[str, _Made], list[str]]:
    """Each tensor of the ensemble, and sentences about those that are made more than once."""
    made = {spec.name: _Made(spec, "an input of the ensemble", 0) for spec in signature.inputs}
    wrong = []
    for number, step in enumerate(steps, 1):
        specs = {spec.name: spec for spec in members[step.model_name].outputs}
        for name, tensor in step.output_map:
            if tensor in made:
                wrong.append(
                    f"step {number}: makes the tensor {tensor!r}, which {_maker(made[tensor])} already. Give one of "
                    "them another name."
                )
                continue
            maker = f'output {name!r} of member "{step.model_name}" in step {number}'
            made[tensor] = _Made(specs[name], maker, number)
    return made, wrong


def _maker(made: _Made) -> str:
    return f"step {made.number} makes" if made.number else "is an input of the ensemble"


def _wrong_inputs(made: Mapping[str, _Made], members: Mapping[str, Signature], steps: Sequence[Step]) -> list[str]:
    """Tensors that are read and that nothing makes, or that do not fit who reads them."""
    wrong = []
    for number, step in enumerate(steps, 1):
        specs = {spec.name: spec for spec in members[step.model_name].inputs}
        for name, tensor in step.input_map:
            reader = f'input {name!r} of member "{step.model_name}"'
            if tensor not in made:
                wrong.append(
                    f"step {number}: {reader} reads the tensor {tensor!r}, which no step makes and which is not an "
                    f"input of the ensemble; there are {_listed(made)}."
                )
                continue
            difference = _difference(made[tensor].spec, specs[name])
            if difference:
                wrong.append(
                    f"step {number}: {reader} reads the tensor {tensor!r}, {made[tensor].maker}: {difference}. "
                    "Change one of the two signatures, or put a member between them."
                )
    return wrong


def _wrong_outputs(made: Mapping[str, _Made], signature: Signature, has_combine: bool) -> list[str]:
    """Outputs of the ensemble that nothing makes, or that do not fit its signature."""
    wrong, missing = [], []
    for spec in signature.outputs:
        found = made.get(spec.name)
        if found is None:
            missing.append(spec.name)
            continue
        if not found.number:
            wrong.append(
                f"output {spec.name!r} of the ensemble is an input of it as well. Give one of them another name."
            )
        elif _difference(found.spec, spec):
            wrong.append(
                f"output {spec.name!r} of the ensemble is {found.maker}: {_difference(found.spec, spec)}. "
                "Change the ensemble's signature or the member's."
            )
    if missing and not has_combine:
        wrong.append(
            f'no step makes the output {_listed(missing)} of the ensemble. Name it in the "output_map" of a step, '
            "or make it with `combine`."
        )
    if has_combine and not missing:
        wrong.append("`combine` has nothing to make: steps make all outputs of the ensemble. Remove it.")
    return wrong


def _unused(made: Mapping[str, _Made], signature: Signature, steps: Sequence[Step], has_combine: bool) -> list[str]:
    """Steps and tensors that are made for nobody. `combine` gets all tensors."""
    wrong = [
        f'step {number}: nothing that member "{step.model_name}" makes is kept. Add it to "output_map", or remove '
        "the step."
        for number, step in enumerate(steps, 1)
        if not step.output_map
    ]
    if has_combine:
        return wrong
    read = {tensor for step in steps for _, tensor in step.input_map} | {spec.name for spec in signature.outputs}
    for tensor, found in made.items():
        if tensor in read:
            continue
        if found.number:
            wrong.append(
                f"step {found.number}: nothing reads the tensor {tensor!r}, {found.maker}. Leave it out of "
                '"output_map".'
            )
        else:
            wrong.append(f"no step reads the input {tensor!r} of the ensemble. Remove it from the signature.")
    return wrong


def _difference(made: TensorSpec, wanted: TensorSpec) -> Optional[str]:
    """Why a tensor of one signature cannot be that of another; None when it can. -1 fits anything: what it is shows
    when the ensemble answers."""
    if made.datatype != wanted.datatype:
        return f"got datatype {made.datatype}, want {wanted.datatype}"
    fits = len(made.shape) == len(wanted.shape) and all(
        -1 in (one, other) or one == other for one, other in zip(made.shape, wanted.shape)
    )
    return None if fits else f"got shape {list(made.shape)}, want {list(wanted.shape)}"


def _circle(steps: Sequence[Step]) -> list[str]:
    """A sentence about steps that wait for each other."""
    makers = {tensor: place for place, step in enumerate(steps) for _, tensor in step.output_map}
    waits = {
        place: {makers[tensor] for _, tensor in step.input_map if tensor in makers} for place, step in enumerate(steps)
    }
    done: set[int] = set()
    while True:
        ready = {place for place, before in waits.items() if place not in done and before <= done}
        if not ready:
            break
        done |= ready
    # Of what is left, those that only wait for a circle are not in it.
    left = {place for place in waits if place not in done}
    while True:
        outside = {place for place in left if not any(place in waits[other] for other in left)}
        if not outside:
            break
        left -= outside
    if not left:
        return []
    edges = sorted(
        {
            f"{tensor!r} (made by step {makers[tensor] + 1}, read by step {place + 1})"
            for place in left
            for _, tensor in steps[place].input_map
            if makers.get(tensor) in left
        }
    )
    return [f"steps wait for each other in a circle, over the tensors {', '.join(edges)}. Cut it."]


def _listed(names: "Sequence[str] | Mapping[str, object]") -> str:
    return ", ".join(map(repr, names)) or "none"
