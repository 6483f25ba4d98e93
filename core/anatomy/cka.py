"""The kind `cka`: how alike the representations of two layers are, within one run or between two.

Linear CKA (Kornblith et al. 2019, arXiv 1905.00414, equations 2 and 3): with the centred Gram
matrices K and L of two representations of the same tokens, HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L,
L)). At most 1,024 tokens; with fewer tokens than features it is biased upwards.

arrays
    ``matrix`` (rows, columns) float32.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.streams import is_place
from core.language import Message
from core.runs import RunError

MOST_TOKENS = 1024  # Gram matrices of 50 places take 200 MB then


@torch.no_grad()
def cka(checkpoint: LoadedCheckpoint, asked: parameters.Cka, report: Report) -> Answer[results.Cka]:
    """Compare every two places; the module's docstring says what is found."""
    if len(asked.others) > 1:
        raise ValueError(Message("others: CKA compares with one run at a time; name one"))
    pair = [checkpoint, *(checkpoint.other(named) for named in asked.others)]
    length = min(one.context for one in pair)
    for other in pair[1:]:
        if other.tokenizer.alphabet != checkpoint.tokenizer.alphabet:
            raise RunError(
                Message(
                    "runs {id} and {id_2} split text into different tokens; choose two runs on the"
                    " same corpus",
                    id=checkpoint.run.id,
                    id_2=other.run.id,
                )
            )
    inputs, _ = checkpoint.held_out(asked.windows, length)
    read = []
    for i, one in enumerate(pair):
        report(
            i / (len(pair) + 1),
            Message(
                "reads {inputs} tokens with run {name}", inputs=inputs.numel(), name=one.run.name
            ),
        )
        read.append(grams(_representations(one, inputs.to(one.device))))
    rows, columns = read[0], read[-1]
    matrix = compare(list(rows.values()), list(columns.values()))
    runs: list[results.Checkpoint] = [
        {"run": o.run.id, "name": o.run.name, "step": o.step} for o in (pair[0], pair[-1])
    ]
    result: results.Cka = {
        "matrix": matrix.tolist(),
        "rows": list(rows),
        "columns": list(columns),
        "runs": runs,
        "tokens": min(MOST_TOKENS, inputs.numel()),
    }
    return Answer(result, {"matrix": matrix})


def _representations(checkpoint: LoadedCheckpoint, inputs: Tensor) -> dict[str, Tensor]:
    """The stream at every place for the same evenly spread tokens, each (n, D)."""
    chosen = torch.linspace(0, inputs.numel() - 1, min(MOST_TOKENS, inputs.numel())).long()
    seen: dict[str, list[Tensor]] = {}

    def see(name: str, x: Tensor) -> Tensor:
        if is_place(name, checkpoint.wiring.has_final_norm):
            seen.setdefault(name, []).append(x.flatten(0, 1).cpu())
        return x

    for (portion,) in checkpoint.batches(inputs):
        checkpoint.model(portion, see)
    return {name: torch.cat(parts)[chosen] for name, parts in seen.items()}


def gram(x: Tensor) -> Tensor:
    """The centred Gram matrix of n tokens at unit length, (n, D) -> (n (n + 1) / 2) float64.

    Its lower triangle, where what lies below the diagonal counts twice; NaN where the tokens are
    one vector or not finite.
    """
    x = x.double()
    rows, columns = torch.tril_indices(len(x), len(x))
    largest = x.abs().max()
    centred = x - x.mean(0)
    # Rounding leaves a trace of differences even between equal tokens.
    if not x.isfinite().all() or centred.abs().max() <= 1e-7 * largest:
        return x.new_full((len(rows),), math.nan)
    centred = centred / centred.norm()
    products = (centred @ centred.T)[rows, columns] * torch.where(rows == columns, 1.0, 2**0.5)
    unit: Tensor = products / products.norm()
    return unit


def grams(representations: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every place's :func:`gram`."""
    return {name: gram(x) for name, x in representations.items()}


def compare(rows: list[Tensor], columns: list[Tensor]) -> np.ndarray:
    """The CKA of every row with every column, their Gram matrices given: (R, C) float32."""
    products = torch.stack(rows) @ torch.stack(columns).T
    return products.clamp(0, 1).numpy().astype(np.float32)
