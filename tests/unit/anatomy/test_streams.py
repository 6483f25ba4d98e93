"""The stream's measures on matrices with known answers, and on networks whose sums are known."""

import copy
import math
from statistics import mean

import numpy as np
import pytest
import torch
from torch import Tensor

from core.anatomy import Silent, rank
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.streams import Look, _massive, _sinks, streams
from core.config import ModelConfig
from core.models import build_model
from core.probes import depth
from core.runs import RunStore
from tests.subjects import asking, subject_of

ASKED = {"windows": 4}


def measured(subject: LoadedCheckpoint) -> dict:
    return streams(subject, asking("streams", ASKED), Silent()).result


# Measures


def test_equal_tokens_and_square_ones() -> None:
    equal = torch.ones(2, 5, 8)
    values = depth.singular_values(equal)
    assert depth.token_cosine(equal.double()).tolist() == pytest.approx([1, 1])
    assert depth.effective_rank(values).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert rank.participation(values).tolist() == pytest.approx([1, 1])
    assert rank.residual_ratio(equal).tolist() == [0, 0]
    square = torch.eye(6)[None]
    values = depth.singular_values(square)
    assert depth.token_cosine(square.double()).item() == pytest.approx(0, abs=1e-12)
    assert depth.effective_rank(values).item() == pytest.approx(6)
    assert rank.participation(values).item() == pytest.approx(6)


def test_measures_against_their_definitions() -> None:
    torch.manual_seed(0)
    for shape in ((3, 7, 5), (3, 5, 7)):
        x = torch.randn(shape)
        values = depth.singular_values(x)
        assert values.numpy() == pytest.approx(torch.linalg.svdvals(x.double()).numpy())
        cosines = [
            torch.nn.functional.cosine_similarity(x[0, i], x[0, j], dim=0).item()
            for i in range(shape[1])
            for j in range(shape[1])
            if i != j
        ]
        assert depth.token_cosine(x.double())[0].item() == pytest.approx(mean(cosines), abs=1e-6)
        share = values[0] / values[0].sum()
        entropy = -(share * share.log()).sum()
        assert depth.effective_rank(values)[0].item() == pytest.approx(entropy.exp().item())
        squares = values[0] ** 2
        expected = (squares.sum() ** 2 / (squares**2).sum()).item()
        assert rank.participation(values)[0].item() == pytest.approx(expected)
        rest = x[0] - x[0].mean(0)
        expected = (rest.norm() / x[0].norm()).item()
        assert rank.residual_ratio(x)[0].item() == pytest.approx(expected, rel=1e-5)


def test_angles() -> None:
    x = torch.tensor([[1.0, 0], [1, 0], [1, 0]])
    y = torch.tensor([[2.0, 0], [0, 3], [-1, 0]])
    assert rank.angular_distance(x, y).tolist() == pytest.approx([0, 0.5, 1])


def test_what_is_not_finite_has_no_rank() -> None:
    x = torch.full((1, 3, 3), math.inf)
    assert math.isnan(depth.effective_rank(depth.singular_values(x)).item())


# Published values, 24 layers at initialisation, 64 random tokens, width 128


@pytest.mark.parametrize(
    ("settings", "cosine", "effective_rank"),
    [
        ({"placement": "pre"}, 0.80, 32),
        ({"placement": "post"}, 1.0, 1.2),
        ({"placement": "post", "residual": "off"}, 1.0, 1.0),
    ],
    ids=["pre", "post", "no residual"],
)
def test_similarity_and_rank_at_24_layers(
    settings: dict, cosine: float, effective_rank: float
) -> None:
    found: list[tuple[float, float]] = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        config = ModelConfig(depth=24, width=128, heads=4, context=64, **settings)
        look = Look()
        with torch.no_grad():
            build_model(config, 65)(torch.randint(65, (4, 64)), look)
        last = "blocks.23.resid_post"
        found.append((look.mean(last, "similarity"), look.mean(last, "effective_rank")))
    assert mean(c for c, _ in found) == pytest.approx(cosine, abs=0.05)
    assert mean(r for _, r in found) == pytest.approx(effective_rank, rel=0.1)


# The kind


def test_places_from_the_embedding_to_the_final_norm(store: RunStore) -> None:
    subject = subject_of(store)
    result = measured(subject)
    blocks = [f"blocks.{i}.{place}" for i in (0, 1) for place in ("resid_mid", "resid_post")]
    assert result["places"] == ["embed", *blocks, "final_norm.out"]
    assert result["layer"] == [-1, 0, 0, 1, 1, 2]
    inputs, _ = subject.held_out(4)
    with torch.no_grad():
        trace = subject.model.trace(inputs)
    for place, rms in zip(result["places"], result["rms"], strict=True):
        assert rms == pytest.approx(trace[place].square().mean().sqrt().item(), rel=1e-5)
    for name in ("similarity", "effective_rank", "participation", "residual_ratio", "largest"):
        assert len(result[name]) == len(result["places"])
    assert max(result["effective_rank"]) <= result["rank_most"] == 16
    assert len(result["angle"]) == 2


@pytest.mark.parametrize("placement", ["post", "none"])
def test_no_final_norm_is_no_place(store: RunStore, placement: str) -> None:
    norm = "none" if placement == "none" else "layer"
    subject = subject_of(store, model__placement=placement, model__norm=norm)
    result = measured(subject)
    assert result["places"][-1] == "blocks.1.resid_post"
    assert result["layer"] == [-1, 0, 0, 1, 1]
    with_one = subject_of(
        store, model__placement="post", model__norm="layer", model__final_norm="on"
    )
    assert measured(with_one)["places"][-1] == "final_norm.out"


def test_more_windows_than_fit_a_pass_are_the_same(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subject_of(store)
    at_once = measured(subject)
    monkeypatch.setattr("core.anatomy.loaded_checkpoint.BATCH_TOKENS", 16)
    assert subject.batches(*subject.held_out(4))[0][0].shape[0] == 1
    one_by_one = measured(subject)
    assert one_by_one["rms"] == pytest.approx(at_once["rms"], rel=1e-5)
    assert one_by_one["branch_rms"] == pytest.approx(at_once["branch_rms"], rel=1e-5)
    assert one_by_one["largest"] == pytest.approx(at_once["largest"], rel=1e-5)


def parts(subject: LoadedCheckpoint) -> tuple[dict[str, Tensor], dict]:
    inputs, _ = subject.held_out(4)
    with torch.no_grad():
        return subject.model.trace(inputs), measured(subject)


def rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item()


def test_pre_ln_sums_the_stream_and_the_branch(store: RunStore) -> None:
    trace, result = parts(subject_of(store))
    assert [one["name"] for one in result["sublayers"]] == [
        f"blocks.{i}.{part}" for i in (0, 1) for part in ("attn", "mlp")
    ]
    before = (
        "blocks.0.resid_pre",
        "blocks.0.resid_mid",
        "blocks.1.resid_pre",
        "blocks.1.resid_mid",
    )
    for i, (sublayer, x) in enumerate(zip(result["sublayers"], before, strict=True)):
        assert result["skip_rms"][i] == pytest.approx(rms(trace[x]), rel=1e-5)
        branch = trace[sublayer["name"] + ".out"]
        assert result["branch_rms"][i] == pytest.approx(rms(branch), rel=1e-5)
        expected = rms(branch) / (rms(branch) + rms(trace[x]))
        assert result["branch_share"][i] == pytest.approx(expected, rel=1e-5)


def test_deepnorm_carries_more_of_the_stream(store: RunStore) -> None:
    subject = subject_of(store, model__placement="post", model__scaling="deepnorm")
    trace, result = parts(subject)
    alpha = (2 * 2) ** 0.25
    assert result["skip_rms"][0] == pytest.approx(alpha * rms(trace["embed"]), rel=1e-5)


def test_without_a_residual_the_branch_is_all(store: RunStore) -> None:
    result = measured(subject_of(store, model__residual="off"))
    assert result["skip_rms"] == [0, 0, 0, 0]
    assert result["branch_share"] == [1, 1, 1, 1]


def test_the_shared_network_is_left_as_it_was(store: RunStore) -> None:
    subject = subject_of(store)
    before = copy.deepcopy(subject.model.state_dict())
    measured(subject)
    assert not any(module._forward_pre_hooks for module in subject.model.modules())
    for name, tensor in subject.model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_small_network_shows_neither_massive_activations_nor_sinks(store: RunStore) -> None:
    result = measured(subject_of(store))
    for what in ("massive", "sinks"):
        assert result[what]["seen"] is False
        assert result[what]["found"] == []
        assert "not seen" in result[what]["sentence"]


def test_a_massive_activation_is_found_where_it_is() -> None:
    x = torch.randn(2, 16, 32) * 0.1
    x[1, 3, 7] = -250.0
    look = Look()
    look("blocks.0.resid_post", x)
    found = _massive(look.largest)
    assert found["seen"] is True
    assert [(one["place"], one["token"], one["feature"]) for one in found["found"]] == [
        ("blocks.0.resid_post", 3, 7)
    ]
    assert found["found"][0]["value"] == -250
    assert found["found"][0]["times_median"] > 1000
    # Large alone, or large for its place alone, is not massive.
    for scale in (1.0, 0.1):
        look = Look()
        look("embed", (torch.randn(2, 16, 32) if scale == 1 else x) * scale)
        look("final_norm.out", torch.full((1, 4, 4), 200.0) * scale)
        assert _massive(look.largest)["seen"] is False


def test_a_sink_is_found_where_it_is() -> None:
    shares = np.array([[0.05, 0.9], [0.1, 0.4]])
    found = _sinks(shares, 64, causal=True)
    assert [(one["layer"], one["head"]) for one in found["found"]] == [(0, 1), (1, 1)]
    assert "2 of 4 heads" in found["sentence"]
    # Of four tokens even attention gives the first one 0.36.
    assert _sinks(shares, 4, causal=True)["threshold"] == pytest.approx(2 * (13 / 12) / 3)
    assert _sinks(None, 64, causal=True)["seen"] is False


def test_a_network_without_attention(store: RunStore) -> None:
    answer = streams(
        subject_of(store, model__sublayers="feedforward"), asking("streams", ASKED), Silent()
    )
    assert "sinks" not in answer.arrays
    assert answer.result["places"][:2] == ["embed", "blocks.0.resid_post"]
    assert answer.result["sinks"]["seen"] is False
