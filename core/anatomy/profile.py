"""The kind `profile`: what probes measure while training, of one checkpoint on its probe text.

A pretrained model has no training here and so no metrics; measured so, its activations by depth lie
beside those of a run, under the same names and by the same functions (`core.probes.of_trace`).
"""

from __future__ import annotations

import torch

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.language import Message
from core.probes import of_trace


@torch.no_grad()
def profile(
    checkpoint: LoadedCheckpoint, asked: parameters.Profile, report: Report
) -> Answer[results.Profile]:
    """Every metric of the probes; the module's docstring says of what."""
    ids = [int(token) for token in checkpoint.run.corpus["probe_tokens"]]
    report(0.0, Message("reads {ids} tokens", ids=len(ids)))
    trace = checkpoint.transformer.trace(torch.tensor([ids], device=checkpoint.device))
    found: results.Profile = {
        "metrics": {name: one.tolist() for name, one in of_trace.measure(trace).items()},
        "layers": checkpoint.wiring.depth,
        "tokens": len(ids),
        "step": checkpoint.step,
    }
    return Answer(found, {})
