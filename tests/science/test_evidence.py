"""The quick checks of core.evidence hold, and a network with something wrong turns one red."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import ModelConfig
from core.evidence import CLAIMS, kept, named
from core.evidence.run import measure
from core.models import attention, initialise, skips
from core.models.norms import layer, rms
from core.runs import RunStore

QUICK = [claim for claim in CLAIMS if claim.quick]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.name)
def test_a_published_claim_holds(claim: Any, store: RunStore) -> None:
    record = measure(claim, store)
    told = {v.name: v.words for v in record.values}
    shipped = kept.shipped(claim)
    assert shipped is None or record.verdict == shipped.verdict, told
    assert record.verdict != "outside the band", told
    assert record.series, "there is something to draw"


# What somebody could get wrong, each done on purpose


class NotCentred(nn.Module):
    """A LayerNorm that forgets to take the mean away."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        std = (x.var(-1, correction=0, keepdim=True) + self.epsilon).sqrt()
        return x / std * self.weight + self.bias


def without_centring(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(layer, "build", lambda size, epsilon, bias: NotCentred(size, epsilon))


def rms_for_layer_norm(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(layer, "build", rms.build)


def smaller_residual(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(skips.Add, "forward", lambda self, x, branch: 0.9 * x + branch)


def final_norm_of_post(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelConfig, "has_final_norm", property(lambda self: self.norm != "none"))


def deepnorm_without_its_init(patch: pytest.MonkeyPatch) -> None:
    shrink = initialise._shrink

    def plain(config: ModelConfig, part: str) -> float:
        return shrink(config.model_copy(update={"scaling": "one"}), part)

    patch.setattr(initialise, "_shrink", plain)


def undivided_scores(patch: pytest.MonkeyPatch) -> None:
    shown, fused = attention.Attention._shown, F.scaled_dot_product_attention

    def scaled(self: attention.Attention, q: Tensor, *rest: Any) -> Tensor:
        return shown(self, q * self.head_size**0.5, *rest)

    patch.setattr(attention.Attention, "_shown", scaled)
    patch.setattr(
        attention.F, "scaled_dot_product_attention", lambda *q, **k: fused(*q, scale=1.0, **k)
    )


@pytest.mark.parametrize(
    ("spoil", "claim"),
    [
        (without_centring, "layernorm-jacobian"),
        (rms_for_layer_norm, "layernorm-jacobian"),
        (smaller_residual, "lemma-2-pre"),
        (final_norm_of_post, "final-norm"),
        (deepnorm_without_its_init, "similarity-deepnorm"),
        (undivided_scores, "score-scale"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_wrong_turns_a_check_red(
    spoil: Any, claim: str, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = named([claim])
    spoil(monkeypatch)
    record = measure(one, store)
    assert record.verdict == "outside the band", {v.name: v.words for v in record.values}
