"""Change parts of a trained network and see what it costs.

Kind ``operate``. T tokens of the text. Losses before and after are of the same windows; texts
before and after are drawn with the same seed.

An operation is a JSON object ``{"target": ..., "layer": ..., "action": ...}``, layers and heads
counted from 0:

    target            also        action
    ``head``          ``head``    ``off``, ``scale``, ``mean``
    ``attention``                 ``off``, ``scale``, ``mean``
    ``feedforward``               ``off``, ``scale``, ``mean``
    ``block``                     ``off`` (the stream passes by), ``swap`` (with the next one)
    ``norm``          ``place``   ``off`` (the identity)
    ``residual``      ``sublayer`` ``off`` (the branch alone goes on), ``scale`` (of the skip)

``scale`` needs ``"scale": number``. ``place`` is one of "attention.pre", "attention.inner",
"attention.post", "feedforward.pre", ..., what the block has; "final", "embedding" have no layer.
``mean`` replaces each output by its mean over the held-out windows and their positions, in the
network as it was. ``off`` of a head makes its output 0 before W_O; of attention or feed-forward,
F's output with its bias, and a norm after F (and its own bias) goes on as if W_O were 0.

arrays
    ``before``      float32 (T - 1,), nats of token 1, 2, ... of ``text``
    ``after``       float32 (T - 1,)
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from operator import eq

import torch
from torch import Tensor, nn

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.interventions import mean_outputs, operated
from core.anatomy.loaded_checkpoint import LoadedCheckpoint, token_losses, window_means
from core.anatomy.operations import read
from core.language import Message
from core.models.sampling import sample


@torch.no_grad()
def operate(
    checkpoint: LoadedCheckpoint, asked: parameters.Operate, report: Report
) -> Answer[results.Operate]:
    """Before and after; the module's docstring says what is found."""
    operations = [read(checkpoint.wiring, one) for one in asked.operations]
    ids = checkpoint.tokens(asked.text)
    prompt = checkpoint.prompt(asked.prompt or "\n")
    inputs, targets = checkpoint.held_out(asked.windows)
    model = copy.deepcopy(checkpoint.transformer)

    def look(model: nn.Module, start: float, name: str) -> tuple[Tensor, Tensor, str]:
        tick = partial(report, start, Message("reads held-out text {name}", name=name))
        windows = window_losses(checkpoint, model, inputs, targets, tick)
        report(start + 0.25, Message("writes {name}", name=name))
        written = []
        for token in sample(
            model, prompt, asked.length, context=checkpoint.context, **asked.drawing
        ):
            written.append(token)
            report(
                start + 0.25 + 0.2 * len(written) / asked.length,
                Message("writes {name}", name=name),
            )
        return windows, _next_losses(checkpoint, model, ids), checkpoint.tokenizer.decode(written)

    # One operation after another is tried on the same text: what was before is read once.
    before, before_tokens, before_text = checkpoint.once(
        ("operate", asked.model_copy(update={"operations": ()})), lambda: look(model, 0.0, "before")
    )
    report(0.45, Message("measures means"))
    means = mean_outputs(model, operations, (x for x, _ in checkpoint.batches(inputs, targets)))
    with operated(model, operations, means):
        after, after_tokens, after_text = look(model, 0.5, "after")
    split = checkpoint.pieces(ids)
    delta, delta_error = mean_and_error(after - before)
    found: results.Operate = {
        "operations": [one.words for one in operations],
        "before": {**_named(before), "text": before_text},
        "after": {**_named(after), "text": after_text},
        "delta": delta,
        "delta_error": delta_error,
        "windows": len(inputs),
        "prompt": checkpoint.tokenizer.decode(prompt),
        "common": sum(1 for _ in takewhile(bool, map(eq, before_text, after_text))),
        "text": "".join(split),
        "tokens": split,
        "step": checkpoint.step,
    }
    return Answer(
        found, {"before": before_tokens.float().numpy(), "after": after_tokens.float().numpy()}
    )


def window_losses(
    checkpoint: LoadedCheckpoint,
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    tick: Callable[[], None] = lambda: None,
) -> Tensor:
    """Mean nats of each held-out window, (B, T) -> (B,) float64 on the processor.

    `tick` is called before each portion of windows.
    """
    losses = []
    for x, y in checkpoint.batches(inputs, targets):
        tick()
        losses.append(window_means(token_losses(model, x, y), y).cpu())
    return torch.cat(losses)


def mean_and_error(windows: Tensor) -> tuple[float, float]:
    """Mean over windows (B,) and its standard error; NaN for a single window."""
    error = windows.std() / len(windows) ** 0.5 if len(windows) > 1 else torch.tensor(torch.nan)
    return float(windows.mean()), float(error)


def _named(windows: Tensor) -> results.Loss:
    nats, error = mean_and_error(windows)
    return {"nats": nats, "error": error}


def _next_losses(checkpoint: LoadedCheckpoint, model: nn.Module, ids: list[int]) -> Tensor:
    """Nats of every token of a text but its first, (T - 1,) on the processor."""
    if len(ids) < 2:
        return torch.zeros(0)
    row = torch.tensor([ids], device=checkpoint.device)
    return token_losses(model, row[:, :-1], row[:, 1:])[0].cpu()
