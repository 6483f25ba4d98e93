"""Published laws of the block zoo at initialisation: sizes, collapse of the tokens, identities.

Xavier-normal weights, ReLU feed-forward of width 4 d, 4 heads, learned positions. Bands around
measurements on an independent implementation; each law is read off the mean of four seeds.
"""

import math
from statistics import mean

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.config import ModelConfig, RunConfig
from core.data import corpora
from core.models import build_model, profile

SEEDS = (0, 1, 2, 3)
BARE = {"placement": "none", "norm": "none"}
ZOO = {
    "Peri-LN": {"placement": "sandwich"},
    "reordered": {"placement": "reordered"},
    "OLMo 2": {"placement": "reordered", "norm": "rms", "qk_norm": "width"},
    "LNS": {"scaling": "lns"},
    "DeepNorm": {"placement": "post", "scaling": "deepnorm"},
    "Admin": {"placement": "post", "scaling": "admin"},
    "Mix-LN": {"placement": "mix"},
    "ReZero": {**BARE, "scaling": "rezero"},
}


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(seed: int, depth: int, **values):
    torch.manual_seed(seed)
    config = ModelConfig(depth=depth, **{"width": 64, "heads": 4, "context": 64, **values})
    return build_model(config, 65)


def last_stream(seed: int, depth: int, batch: int = 8, **values) -> Tensor:
    """What leaves the last block on random tokens, (B, T, d) float64."""
    model = network(seed, depth, **values)
    tokens = torch.randint(65, (batch, 64))
    profile(model, tokens)
    with torch.no_grad():
        return model.trace(tokens)[f"blocks.{depth - 1}.resid_post"].double()


# ‖h‖²/d after 6, 12 and 24 layers, and the factor by which four seeds' mean may miss it.
SIZES = {
    "Peri-LN": ((13, 25, 49), 1.1),
    "reordered": ((13, 25, 49), 1.1),
    "OLMo 2": ((13, 25, 49), 1.1),
    "LNS": ((2.4, 2.9, 3.4), 1.1),
    "DeepNorm": ((1, 1, 1), 1.001),
    "Admin": ((1, 1, 1), 1.001),
    "ReZero": ((1, 1, 1), 1.05),
}


@pytest.mark.parametrize("name", SIZES)
def test_size_of_the_stream(name):
    sizes, factor = SIZES[name]
    for depth, size in zip((6, 12, 24), sizes, strict=True):
        found = mean(last_stream(s, depth, **ZOO[name]).pow(2).mean().item() for s in SEEDS)
        assert size / factor < found < size * factor, (depth, found)


def test_mix_ln_is_pre_ln_after_its_first_quarter():
    """Post-LN hands over a stream of size 1, and pre-LN adds about 0.96 for each later layer."""
    for depth in (12, 24):
        found = mean(last_stream(s, depth, **ZOO["Mix-LN"]).pow(2).mean().item() for s in SEEDS)
        assert 1 + 0.5 * 0.75 * depth < found < 1 + 1.5 * 0.75 * depth, found


def similarity(h: Tensor) -> tuple[float, float]:
    """Mean cosine between two tokens of a sequence, and the effective rank exp(H(σ/Σσ))."""
    unit, count = F.normalize(h, dim=-1), h.shape[1]
    cosine = ((unit @ unit.mT).sum((1, 2)) - count) / (count * (count - 1))
    share = torch.linalg.svdvals(h)
    share = share / share.sum(-1, keepdim=True)
    rank = torch.exp(-(share * share.clamp_min(1e-300).log()).sum(-1))
    return cosine.mean().item(), rank.mean().item()


@pytest.mark.parametrize(
    ("name", "cosine", "rank"),
    [("Peri-LN", 0.81, 31), ("LNS", 0.44, 47), ("DeepNorm", 0.03, 55)],
)
def test_token_similarity_at_24_layers(name, cosine, rank):
    found = [similarity(last_stream(s, 24, batch=4, width=128, **ZOO[name])) for s in SEEDS]
    assert mean(c for c, _ in found) == pytest.approx(cosine, abs=0.05)
    assert mean(r for _, r in found) == pytest.approx(rank, rel=0.1)


# Dong et al. 2021 (arXiv 2103.03404): ‖res(X)‖/‖X‖, res(X) = X - its mean over the tokens

ALONE = {**BARE, "residual": "off"}
NETWORKS = {
    "attention alone": {**ALONE, "sublayers": "attention", "causal": False},
    "attention + MLP": {**ALONE, "causal": False},
    "LN(attention), no skip": {
        "placement": "post",
        "residual": "off",
        "sublayers": "attention",
        "causal": False,
    },
    "attention + skip": {**BARE, "sublayers": "attention", "causal": False},
    "attention + skip + MLP": {**BARE, "causal": False},
    "causal attention alone": {**ALONE, "sublayers": "attention"},
}


@pytest.fixture(scope="module")
def windows() -> Tensor:
    """Sequences of real text: repeated letters start out alike, random tokens would not."""
    text = corpora.load_text(RunConfig().data)
    letters = torch.from_numpy(text.training[:50_000].astype("int64")) % 65
    return letters[: 64 * 780].view(-1, 64)


def residuals(name: str, windows: Tensor) -> list[float]:
    """The measure after each of 12 layers, in float64: a float32 sum would stop at 1e-7."""
    runs = []
    for seed in range(8):  # one seed's value after six layers scatters by a quarter
        model = network(seed, 12, width=128, **NETWORKS[name]).double()
        batch = windows[torch.randint(len(windows), (8,))]
        with torch.no_grad():
            trace = model.trace(batch)
        layers = []
        for i in range(12):
            x = trace[f"blocks.{i}.resid_post"]
            rest = x - x.mean(1, keepdim=True)
            layers.append((rest.norm(dim=(1, 2)) / x.norm(dim=(1, 2))).mean().item())
        runs.append(layers)
    return [mean(layer) for layer in zip(*runs, strict=True)]


@pytest.mark.parametrize("name", ["attention alone", "attention + MLP"])
def test_attention_alone_collapses_doubly_exponentially(name, windows):
    r = residuals(name, windows)
    assert r[0] == pytest.approx({"attention alone": 0.64, "attention + MLP": 0.57}[name], rel=0.2)
    assert r[1] < 0.05
    assert r[2] < 1e-4
    assert 2.5 < math.log(r[2]) / math.log(r[1]) < 6, "log r about triples"


def test_a_norm_does_not_save_it(windows):
    r = residuals("LN(attention), no skip", windows)
    assert r[1] < 0.3
    assert r[2] < 0.01
    assert r[5] < 1e-6


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("attention + skip", (0.96, 0.92, 0.86, 0.52)),
        ("attention + skip + MLP", (0.92, 0.84, 0.74, 0.46)),
    ],
)
def test_a_skip_keeps_the_tokens_apart(name, wanted, windows):
    r = residuals(name, windows)
    assert r[5] > 0.2
    for layer, value in zip((1, 2, 3, 6), wanted, strict=True):
        assert r[layer - 1] == pytest.approx(value, rel=0.15), layer


def test_a_causal_mask_slows_it_to_a_single_exponential(windows):
    r = residuals("causal attention alone", windows)
    for layer, value in ((1, 0.78), (2, 0.52), (3, 0.39), (6, 0.13)):
        assert r[layer - 1] == pytest.approx(value, rel=0.2), layer
    ratios = [r[i + 1] / r[i] for i in range(2, 11)]
    assert all(0.5 < ratio < 0.85 for ratio in ratios), ratios


# Lemma 3 of Xiong et al. for the other norms


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("size", [0.1, 3.0, 100.0])
def test_a_norm_s_jacobian_shrinks_with_its_input(norm, size):
    """‖J‖₂ ‖x‖/sqrt(d) = 1: the bigger the stream, the smaller the gradient that passes."""
    torch.manual_seed(0)
    module = network(0, 1, norm=norm, norm_epsilon=1e-12).double().final_norm
    x = torch.randn(64, dtype=torch.float64) * size
    x -= x.mean()
    values = torch.linalg.svdvals(torch.autograd.functional.jacobian(module, x))
    assert values[0].item() * x.norm().item() / 8 == pytest.approx(1, abs=0.02)
    lost = 2 if norm == "layer" else 1  # LayerNorm forgets the mean too
    assert (values[-lost:] < 1e-4 * values[0]).all()
    assert values[-lost - 1] > 0.1 * values[0]


def test_dyt_s_jacobian_does_not_know_the_length_of_x():
    """DyT keeps no statistics: at small x its Jacobian is α, whatever ‖x‖ is."""
    module = network(0, 1, norm="dyt").double().final_norm
    for size in (1e-3, 1e-2):
        x = torch.randn(64, dtype=torch.float64) * size
        values = torch.linalg.svdvals(torch.autograd.functional.jacobian(module, x))
        assert values[0].item() == pytest.approx(0.5, rel=1e-3)
        assert values[-1].item() == pytest.approx(0.5, rel=1e-2)
