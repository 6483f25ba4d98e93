"""The logit lens: what the network would say if it stopped at a layer (nostalgebraist 2020).

head(final_norm(h)) of the stream h after the embedding and after each layer; the last row is the
network's own output. Kind ``lens``. N rows from embedding to output, T tokens, K = ``top``.

arrays, of ``text``
    ``top_ids``     int32 (N, T, K), places in ``alphabet``, likeliest first
    ``top_p``       float32 (N, T, K)
    ``right_p``     float32 (N, T), probability of the token that follows; NaN at the last place
    ``right_rank``  int32 (N, T), 0 if it is the likeliest; -1 at the last place
    ``entropy``     float32 (N, T), nats
    ``kl``          float32 (N, T), KL(output ‖ row) in nats: 0 in the last row
"""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import (
    LoadedCheckpoint,
    losses_of,
    token_losses,
    window_means,
)
from core.anatomy.operate import mean_and_error
from core.language import Message

STREAM = re.compile(r"embed|blocks\.\d+\.resid_(mid|post)")


class Lens:
    """Reads logits from the stream at any place of the network, by its final norm and head."""

    def __init__(self, checkpoint: LoadedCheckpoint, middle: bool) -> None:
        self.model = checkpoint.transformer
        self.middle = middle

    def _wanted(self, name: str) -> bool:
        return bool(STREAM.fullmatch(name)) and (self.middle or not name.endswith("resid_mid"))

    def read(self, tokens: Tensor) -> dict[str, Tensor]:
        """Logits (B, T, V) by observable, in order of depth; the last are the network's own."""
        rows: dict[str, Tensor] = {}
        model = self.model

        def see(name: str, tensor: Tensor) -> Tensor:
            if self._wanted(name):
                rows[name] = model.head(model.final_norm(tensor))
            return tensor

        model(tokens, see)
        return rows


@torch.no_grad()
def lens(
    checkpoint: LoadedCheckpoint, asked: parameters.Lens, report: Report
) -> Answer[results.Lens]:
    """The prediction of each layer; the module's docstring says what is found."""
    ids = checkpoint.tokens(asked.text)
    look = Lens(checkpoint, asked.middle)
    report(0.0, Message("reads the text"))
    tokens = torch.tensor([ids], device=checkpoint.device)
    logits = look.read(tokens)
    names = list(logits)
    alphabet = checkpoint.tokenizer.alphabet
    arrays = _places(torch.cat(list(logits.values())), tokens[0], asked.top)
    inputs, targets = checkpoint.held_out(asked.windows)
    means: list[Tensor] = []  # each (N, B)
    own: list[Tensor] = []  # each (B,)
    for x, y in checkpoint.batches(inputs, targets):
        report(len(own) / max(1, len(inputs)), Message("reads held-out text"))
        rows = [_window_nats(one, y) for one in look.read(x).values()]
        means.append(torch.stack(rows))
        own.append(window_means(token_losses(checkpoint.model, x, y), y).cpu())
    losses = [mean_and_error(row) for row in torch.cat(means, 1)]
    if not isinstance(alphabet, str):  # tens of thousands of tokens, of which few are shown
        top = arrays["top_ids"]
        shown, places = np.unique(top, return_inverse=True)
        alphabet = checkpoint.pieces(shown.tolist())
        arrays["top_ids"] = places.reshape(top.shape).astype(np.int32)
    split = checkpoint.pieces(ids)
    found: results.Lens = {
        "text": "".join(split),
        "tokens": split,
        "ids": ids,
        "rows": names,
        "labels": [label(name) for name in names],
        "alphabet": alphabet,
        "loss": [loss for loss, _ in losses],
        "loss_error": [error for _, error in losses],
        "model_loss": float(torch.cat(own).mean()),
        "unigram": checkpoint.run.corpus.get("unigram_validation"),
        "windows": len(inputs),
        "step": checkpoint.step,
    }
    return Answer(found, arrays)


def _window_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean nats of each window, (B, T, V) and (B, T) -> (B,) float64 on the processor."""
    return window_means(losses_of(logits, targets), targets).cpu()


def _places(logits: Tensor, ids: Tensor, top: int) -> dict[str, np.ndarray]:
    """The arrays of the result, from logits (N, T, V) and tokens (T,)."""
    log = logits.double().log_softmax(-1)  # (N, T, V)
    p = log.exp()
    best = p.topk(min(top, p.shape[-1]), sorted=True)
    right_log = log[:, :-1].gather(-1, ids[1:].expand(len(log), -1)[..., None])  # (N, T - 1, 1)
    rank = (log[:, :-1] > right_log).sum(-1)
    # 0 · -inf is nothing: a token that can't be said adds neither entropy nor distance.
    entropy = -(p * log).nan_to_num().sum(-1)
    kl = (p[-1] * (log[-1] - log)).nan_to_num(neginf=0.0).sum(-1)
    found = {
        "top_ids": best.indices.int(),
        "top_p": best.values.float(),
        "right_p": F.pad(right_log[..., 0].exp(), (0, 1), value=torch.nan).float(),
        "right_rank": F.pad(rank, (0, 1), value=-1).int(),
        "entropy": entropy.float(),
        "kl": kl.float(),
    }
    return {name: tensor.cpu().numpy() for name, tensor in found.items()}


def label(name: str) -> str:
    """An observable of the stream in words, layers counted from 0: "layer 3 attention"."""
    if name == "embed":
        return "embedding"
    _, layer, place = name.split(".")
    return f"layer {layer}" + (" attention" if place == "resid_mid" else "")
