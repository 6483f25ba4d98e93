"""The kind `masked`: what a pretrained encoder says for the masked tokens of a text.

Its own head reads the last states: logits = E LN(φ(W x + b)) + c, with E the embedding, φ the
network's activation (Devlin et al. 2019, arXiv 1810.04805). The head lies in a file of the run's
directory, since no network here has one.
"""

from __future__ import annotations

import hashlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from torch.nn import functional as F

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.files import read_bytes
from core.language import Message
from core.models.feedforward import ACTIVATIONS
from core.runs import RunError
from core.runs.checkpoint_files import MASKED

MASK = "[MASK]"
SHOWN = 10


@torch.no_grad()
def masked(
    checkpoint: LoadedCheckpoint, asked: parameters.Masked, report: Report
) -> Answer[results.Masked]:
    """Predict each masked token; the module's docstring says how. Raises ValueError without one."""
    ids = checkpoint.tokens(asked.text)
    alphabet = checkpoint.tokenizer.alphabet
    split = checkpoint.pieces(ids)
    places = [i for i, piece in enumerate(split) if piece.strip() == MASK]
    if not places:
        raise ValueError(
            Message("text: it has no {mask}; write {mask} in place of a word", mask=MASK)
        )
    report(0.0, Message("reads {ids} tokens", ids=len(ids)))
    trace = checkpoint.transformer.trace(torch.tensor([ids], device=checkpoint.device))
    logits = predictions(checkpoint, trace["final_norm.out"][0, places])  # (n, V)
    log = logits.log_softmax(-1)
    entropy = -(log.exp() * log).sum(-1)
    top = log.topk(min(SHOWN, log.shape[-1]))
    found: results.Masked = {
        "text": asked.text,
        "tokens": split,
        "ids": ids,
        "masked": [
            {
                "place": place,
                "entropy": float(entropy[i]),
                "alternatives": [
                    (alphabet[int(token)], float(value.exp()))
                    for token, value in zip(top.indices[i], top.values[i], strict=True)
                ],
            }
            for i, place in enumerate(places)
        ],
        "step": checkpoint.step,
    }
    return Answer(found, {})


def predictions(checkpoint: LoadedCheckpoint, states: Tensor) -> Tensor:
    """The head's logits (..., V) of last states (..., D). Raises RunError where its file is not
    what was adopted."""
    head = checkpoint.once(("masked head",), lambda: _head(checkpoint))
    wiring = checkpoint.wiring
    hidden = F.linear(states, head["dense.weight"], head["dense.bias"])
    hidden = ACTIVATIONS[wiring.activation]()(hidden)
    normed = F.layer_norm(
        hidden, hidden.shape[-1:], head["norm.weight"], head["norm.bias"], wiring.norm_epsilon
    )
    return F.linear(normed, checkpoint.transformer.token.weight, head["bias"])


def _head(checkpoint: LoadedCheckpoint) -> dict[str, Tensor]:
    run = checkpoint.run
    try:
        content = read_bytes(run.path / MASKED)
        if hashlib.sha256(content).hexdigest() != run.source.get("masked"):
            raise ValueError(Message("its checksum differs"))
        return {name: one.to(checkpoint.device) for name, one in load(content).items()}
    except (OSError, ValueError, SafetensorError) as error:
        raise RunError(
            Message("{file} is missing or damaged: {why}", file=MASKED, why=str(error))
        ) from error
