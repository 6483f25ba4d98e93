"""CKA: 1 for itself, blind to rotation and scale, and the definition's number otherwise."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core.anatomy import Silent
from core.anatomy.cka import MOST_TOKENS, cka, compare, gram
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.runs import RunError, RunStore
from tests.subjects import asking, subject_of, trained

ASKED = {"others": [], "windows": 4}


def alike(x: Tensor, y: Tensor) -> float:
    return float(compare([gram(x)], [gram(y)])[0, 0])


@pytest.fixture
def x() -> Tensor:
    return torch.randn(50, 12, generator=torch.Generator().manual_seed(0))


def test_itself_rotated_scaled_and_moved(x: Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    rotation, _ = torch.linalg.qr(torch.randn(12, 12, generator=generator))
    assert alike(x, x) == pytest.approx(1, abs=1e-7)
    assert alike(x, x @ rotation) == pytest.approx(1, abs=1e-6)
    assert alike(x, 17 * x) == pytest.approx(1, abs=1e-6)
    assert alike(x, x + 3) == pytest.approx(1, abs=1e-6)
    assert alike(x, 0.01 * (x @ rotation) - 5) == pytest.approx(1, abs=1e-6)
    stretched = x * torch.logspace(-2, 2, 12)
    assert alike(x, stretched) < 0.5, "other maps are not forgiven"


def test_it_is_the_feature_formula(x: Tensor) -> None:
    """‖Yᵀ X‖² / (‖Xᵀ X‖ ‖Yᵀ Y‖), Kornblith et al. 2019, equation 3."""
    y = torch.randn(50, 7, generator=torch.Generator().manual_seed(2)) + x[:, :7]
    a, b = (z.double() - z.double().mean(0) for z in (x, y))
    expected = (b.T @ a).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm())
    assert alike(x, y) == pytest.approx(expected.item())
    assert alike(x, y) == pytest.approx(alike(y, x))


def test_what_is_constant_or_not_finite_has_none(x: Tensor) -> None:
    assert math.isnan(alike(x, torch.full((50, 3), 0.3)))
    assert math.isnan(alike(x, torch.full((50, 3), math.inf)))


def test_layers_of_one_run(store: RunStore) -> None:
    subject = subject_of(store)
    answer = cka(subject, asking("cka", ASKED), Silent())
    result = answer.result
    assert result["rows"] == result["columns"]
    assert result["rows"][0] == "embed"
    assert result["rows"][-1] == "final_norm.out"
    matrix = np.array(result["matrix"])
    assert np.diag(matrix) == pytest.approx(np.ones(6), abs=1e-6)
    assert matrix == pytest.approx(matrix.T)
    assert matrix == pytest.approx(answer.arrays["matrix"])
    assert result["tokens"] == 64
    inputs, _ = subject.held_out(4)
    trace = subject.model.trace(inputs)
    expected = alike(*(trace[name].detach().flatten(0, 1) for name in ("embed", result["rows"][3])))
    assert matrix[0, 3] == pytest.approx(expected)


def test_only_networks_with_a_final_norm_have_its_place(store: RunStore) -> None:
    post, pre = (trained(store, 8, model__placement=placement) for placement in ("post", "pre"))
    subject = LoadedCheckpoint(post, post.checkpoints[-1])
    result = cka(subject, asking("cka", {**ASKED, "others": [pre.id]}), Silent()).result
    assert result["rows"][-1] == "blocks.1.resid_post"
    assert result["columns"] == [*result["rows"], "final_norm.out"]
    assert np.array(result["matrix"]).shape == (5, 6)


def test_two_runs(store: RunStore) -> None:
    subject = subject_of(store)
    deeper = trained(store, 8, model__depth=3, model__width=8, training__seed=1)
    result = cka(subject, asking("cka", {**ASKED, "others": [deeper.id]}), Silent()).result
    assert len(result["rows"]) == 6
    assert len(result["columns"]) == 8
    assert [one["run"] for one in result["runs"]] == [subject.run.id, deeper.id]
    assert [one["step"] for one in result["runs"]] == [4, 8]
    copy = cka(
        subject, asking("cka", {**ASKED, "others": [f"{subject.run.id}@4"]}), Silent()
    ).result
    assert copy["matrix"] == cka(subject, asking("cka", ASKED), Silent()).result["matrix"]


def test_a_run_with_a_longer_context_reads_what_both_can(store: RunStore) -> None:
    subject = subject_of(store)
    other = trained(store, model__context=24)
    assert (
        cka(subject, asking("cka", {**ASKED, "others": [other.id]}), Silent()).result["tokens"]
        == 64
    )


def test_many_tokens_are_thinned(store: RunStore) -> None:
    subject = subject_of(store)
    assert (
        cka(subject, asking("cka", {**ASKED, "windows": 100}), Silent()).result["tokens"]
        == MOST_TOKENS
    )


def test_what_can_not_be_compared_says_why(store: RunStore) -> None:
    subject = subject_of(store)
    other = trained(store, data__corpus="repeat")
    with pytest.raises(RunError, match="different tokens; choose two runs on the same corpus"):
        cka(subject, asking("cka", {**ASKED, "others": [other.id]}), Silent())
    with pytest.raises(ValueError, match="one run at a time"):
        cka(subject, asking("cka", {**ASKED, "others": ["a", "b"]}), Silent())
    with pytest.raises(RunError, match="there is no run nobody"):
        cka(subject, asking("cka", {**ASKED, "others": ["nobody"]}), Silent())
    with pytest.raises(RunError, match="no checkpoint at step 3"):
        cka(subject, asking("cka", {**ASKED, "others": [f"{other.id}@3"]}), Silent())
    with pytest.raises(RunError, match="accepted: a run's id, or id@step"):
        cka(subject, asking("cka", {**ASKED, "others": [f"{other.id}@last"]}), Silent())


def test_a_dead_stream_is_a_gap_in_the_table(store: RunStore) -> None:
    subject = subject_of(store)
    dead = LoadedCheckpoint(subject.run, 4)
    with torch.no_grad():
        for parameter in dead.model.get_submodule("final_norm").parameters():
            parameter.zero_()
    matrix = np.array(cka(dead, asking("cka", ASKED), Silent()).result["matrix"])
    assert np.isnan(matrix[-1]).all()
    assert np.isfinite(matrix[:-1, :-1]).all()
