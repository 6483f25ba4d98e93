"""Which runs can train as one batched program: those whose products of matrices have equal shapes.

Without torch, so that a queue can ask. Free are the seed, everything of the optimizer, the number
of steps, evaluations, checkpoints, probes, and the wiring: residual, placement, norm, scaling.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from core.config import RunConfig
from core.language import Message

# Settings that members have in common; all others are each member's own.
SHARED = (
    *("model.depth", "model.width", "model.heads", "model.context", "model.feedforward_width"),
    *("model.activation", "model.positions", "model.rotary_base", "model.causal"),
    *("model.sublayers", "model.qk_norm", "model.bias", "model.head_bias", "model.tie_embeddings"),
    *("training.batch_size", "training.accumulate", "training.device", "training.precision"),
    "training.threads",
)


def alone(config: RunConfig) -> str:
    """Why a run trains by itself, in one sentence; empty where it can be in a cohort."""
    model, training = config.model, config.training
    if model.family != "transformer":
        return Message("model.family: only Transformers train together; this is a {family}",
                       family=model.family)  # fmt: skip
    if model.dropout:
        return Message("model.dropout: networks with dropout train by themselves")
    if training.devices != 1:
        return Message("training.devices: a run over several devices trains by itself")
    if training.compile == "on":
        return Message("training.compile: compiled steps are those of a single run")
    if training.recompute:
        return Message("training.recompute: runs that compute again train by themselves")
    return ""


def shape(config: RunConfig) -> Hashable:
    """What the runs of a cohort have in common."""
    flat = config.flat()
    return tuple(str(flat[name]) for name in SHARED)


def differing(configs: Sequence[RunConfig]) -> str:
    """Why these runs can't be one cohort, in one sentence; empty where they can."""
    for config in configs:
        if why := alone(config):
            return why
    flats = [config.flat() for config in configs]
    for name in SHARED:
        values = sorted({str(flat[name]) for flat in flats})
        if len(values) > 1:
            return Message("{field}: runs that train together have one value; these have {values}",
                           field=name, values=", ".join(values))  # fmt: skip
    return ""
