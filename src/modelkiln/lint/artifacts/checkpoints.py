"""State of training in checkpoints: by the names of files, of tensors, and of the keys of what is pickled."""

import posixpath
import re

from modelkiln.checks.traits.trait import Survey

__all__ = ["training_state"]

# transformers/trainer.py and accelerate/utils/constants.py; DeepSpeed's zero_pp_rank_*; tf.summary's events.
_FILES = re.compile(
    r"(?:optimizer|scheduler|scaler|random_states_\d+|rng_state(?:_\d+)?|training_args)\.(?:pt|pth|bin|pkl|safetensors)|"
    r"(?:optimizer|scheduler|scaler)_\d+\.(?:pt|bin)|trainer_state\.json|zero_pp_rank_.*_optim_states\.pt|"
    r"(?:.*_)?optim_states\.pt|events\.out\.tfevents\..*"
)
# torch's tutorials, Lightning's checkpoints (lightning/pytorch/trainer/connectors/checkpoint_connector.py) and others.
_KEYS = frozenset("""
    amp_scaler callbacks grad_scaler lr_scheduler lr_schedulers lr_scheduler_state_dict optimizer optimizer_state
    optimizer_state_dict optimizer_states optimizers optim_state optim_state_dict scaler scaler_state_dict scheduler
    scheduler_state_dict
    """.split())
# torch.optim: Adam's and SGD's state of each parameter; Keras' variables.
_TENSORS = re.compile(r"(?:.*[./])?(?:exp_avg(?:_sq)?|max_exp_avg_sq|momentum_buffer|optimizer|optim)(?:[./].*)?")


def training_state(path: str, survey: Survey) -> str:
    """Return what of training a file has, "" where nothing shows."""
    name = posixpath.basename(path)
    if _FILES.fullmatch(name):
        return "the state of a trainer, by its name"
    keys = [key for key in survey.keys if key in _KEYS]
    if keys:
        return f"the state of training, as {', '.join(repr(key) for key in keys)}"
    tensors = [name for name, _ in survey.tensors if _TENSORS.fullmatch(name)]
    if tensors:
        return f"the state of an optimizer, in {len(tensors)} tensors such as {tensors[0]!r}"
    return ""
