"""How well a checkpoint predicts text.

Kind ``score``. Held-out text is the validation part of the run's corpus. A typed text has up to
100,000 characters, each but the first predicted once, in windows of model.context. T tokens of a
window.

arrays
    ``position``           int32 (T,), place of a prediction in its window, from 1; (1,) for a
                           feed-forward network, which predicts once a window
    ``position_nats``      float32 (T,), mean nats at this position
    ``position_accuracy``  float32 (T,)
    ``position_error``     float32 (T,), standard error of position_nats over windows
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint, losses_of
from core.data.tokenizers import CharacterTokenizer
from core.language import Message
from core.training.objectives import IGNORED

LONGEST = 100_000  # characters of a typed text


@torch.no_grad()
def score(
    checkpoint: LoadedCheckpoint, asked: parameters.Score, report: Report
) -> Answer[results.Score]:
    """Predict held-out or typed text; the module's docstring says what is found."""
    typed = asked.text
    single = checkpoint.wiring.family == "mlp"
    ids = _encoded(checkpoint, typed) if typed else []
    windows = _typed(checkpoint, ids) if typed else [checkpoint.held_out(asked.windows)]
    if single and not typed:
        windows = [(inputs, targets[:, -1:]) for inputs, targets in windows]
    parts: list[Tensor] = []  # each (3, B, T): nats, rank, p
    positions = max(targets.shape[1] for _, targets in windows)
    total = sum(len(inputs) for inputs, _ in windows)
    done = 0
    for pair in windows:
        for inputs, targets in checkpoint.batches(*pair):
            report(done / total, Message("window {done} of {total}", done=done, total=total))
            parts.append(_measured(checkpoint, inputs, targets))
            done += len(inputs)
    rows = [row for part in parts for row in part.unbind(1)]  # each (3, T), one window
    places = torch.arange(positions)
    if not typed:  # of a task of which only answers count, these alone
        places = (windows[0][1][0] != IGNORED).nonzero()[:, 0].cpu()
        rows = [row[:, places] for row in rows]
    flat = torch.cat(rows, 1)  # (3, predictions)
    nats = float(flat[0].mean())
    split = checkpoint.pieces(ids)
    characters = _characters(checkpoint, split, windows) or flat.shape[1]
    means = torch.stack([row[0].mean() for row in rows])
    unigram = checkpoint.run.corpus.get("unigram_validation")
    found: results.Score = {
        "on": "text" if typed else "held-out",
        "nats": nats,
        "nats_error": float(means.std() / len(means) ** 0.5) if len(means) > 1 else None,
        "bits_per_character": nats / math.log(2) * (flat.shape[1] / characters),
        "perplexity": math.exp(nats) if nats < 700 else math.inf,
        "accuracy": float((flat[1] == 0).double().mean()),
        "predictions": flat.shape[1],
        "windows": len(rows),
        "unigram": None if typed else unigram,
        "tokens": _tokens(split, flat) if split else [],
        "step": checkpoint.step,
    }
    return Answer(found, _by_position(rows, places))


def _measured(checkpoint: LoadedCheckpoint, inputs: Tensor, targets: Tensor) -> Tensor:
    """Nats, rank and probability of each right token, (B, T) and (B, T) -> (3, B, T) float64."""
    logits = checkpoint.model(inputs)  # (B, T, V), or (B, V) of a network that predicts one token
    logits = logits.reshape(*targets.shape, -1)
    right = logits.gather(-1, targets[..., None].clamp(min=0))
    nats = losses_of(logits, targets).double()
    # As argmax breaks ties: the first of equals is the likeliest.
    places = torch.arange(logits.shape[-1], device=logits.device)
    ahead = (logits > right) | ((logits == right) & (places < targets[..., None]))
    return torch.stack((nats, ahead.sum(-1).double(), (-nats).exp())).cpu()


def _characters(
    checkpoint: LoadedCheckpoint, split: list[str], windows: list[tuple[Tensor, Tensor]]
) -> int:
    """Characters of what is predicted, where tokens are none; else 0: one each."""
    tokenizer = checkpoint.tokenizer
    if isinstance(tokenizer, CharacterTokenizer):
        return 0
    if split:
        return sum(map(len, split[1:]))
    rows = (row for _, targets in windows for row in targets.tolist())
    return sum(len(tokenizer.decode(row)) for row in rows)


def _encoded(checkpoint: LoadedCheckpoint, text: str) -> list[int]:
    """The tokens of a typed text. Raises ValueError for one without a token to predict."""
    if len(text) > LONGEST:
        raise ValueError(
            Message(
                "text has {many} characters; accepted: up to {longest}",
                many=len(text),
                longest=LONGEST,
            )
        )
    if len(text) < 2:
        raise ValueError(Message("text has a single character; type at least two"))
    ids = checkpoint.encode(text)
    if len(ids) < 2:
        raise ValueError(Message("text has a single token; type at least two"))
    return ids


def _typed(checkpoint: LoadedCheckpoint, tokens: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Inputs and targets that predict each token but the first once."""
    ids = torch.tensor(tokens, device=checkpoint.device)
    size = checkpoint.context
    if checkpoint.wiring.family == "mlp":  # the window before each character, shorter at the start
        starts = [(max(0, i - size), i) for i in range(1, len(ids))]
        return [(ids[a:i][None], ids[i : i + 1][None]) for a, i in starts]
    return [
        (ids[i : i + size][: len(ids) - 1 - i][None], ids[i + 1 : i + 1 + size][None])
        for i in range(0, len(ids) - 1, size)
    ]


def _tokens(split: list[str], flat: Tensor) -> list[results.Scored]:
    first: results.Scored = {"text": split[0], "p": None, "nats": None, "rank": None}
    rest = zip(split[1:], *flat.tolist(), strict=True)
    others: list[results.Scored] = [
        {"text": c, "p": p, "nats": n, "rank": int(r)} for c, n, r, p in rest
    ]
    return [first, *others]


def _by_position(rows: list[Tensor], places: Tensor) -> dict[str, Any]:
    """Means over the windows that reach a place, of those that count (T,), counted from 0."""
    positions = len(places)
    padded = [F.pad(row[:2], (0, positions - row.shape[1])) for row in rows]
    nats, rank = torch.stack(padded, 1)  # (windows, T) each
    lengths = torch.tensor([row.shape[1] for row in rows])
    reached = lengths[:, None] > torch.arange(positions)  # (windows, T)
    count = reached.sum(0)
    mean = (nats * reached).sum(0) / count  # (T,)
    spread = ((nats - mean) * reached).square().sum(0) / (count - 1)
    right = ((rank == 0) & reached).sum(0) / count
    return {
        "position": (places + 1).int().numpy(),
        "position_nats": mean.float().numpy(),
        "position_accuracy": right.float().numpy(),
        "position_error": (spread / count).sqrt().float().numpy(),
    }
