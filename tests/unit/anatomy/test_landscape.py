"""Loss surfaces: the centre is the checkpoint, directions are filter-normalised, grids refine."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from core.anatomy import CancelledError, Silent
from core.anatomy.landscape import landscape1d, landscape2d
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.loss_grid import (
    HeldOutLoss,
    Moved,
    affordable,
    levels,
    measure,
    random_direction,
)
from core.runs import RunError, RunStore
from tests.subjects import asking, subject_of, trained

ASKED = {"others": [], "radius": 1.0, "seconds": 20.0, "points": 5, "seed": 0}


class Kept(Silent):
    """Remembers what was reported; cancels at a share."""

    def __init__(self, cancel_at: float = 2.0) -> None:
        self.emitted: list[dict[str, Any]] = []
        self.progress: list[float] = []
        self.cancel_at = cancel_at

    def __call__(self, progress: float, message: str = "") -> None:
        self.progress.append(progress)
        if progress >= self.cancel_at:
            raise CancelledError

    def emit(self, item: dict[str, Any]) -> None:
        self.emitted.append(item)


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store)


# Directions


def test_rows_have_the_length_of_the_rows_they_move(subject: LoadedCheckpoint) -> None:
    weights = dict(subject.model.named_parameters())
    direction = random_direction(subject.model, 0, 0)
    assert direction.keys() == {name for name, w in weights.items() if w.ndim > 1}
    for name, d in direction.items():
        own = weights[name].detach().flatten(1).norm(dim=1)
        assert d.flatten(1).norm(dim=1).numpy() == pytest.approx(own.numpy(), rel=1e-5)


def test_directions_depend_on_seed_number_and_name_alone(store: RunStore) -> None:
    one, two = subject_of(store), subject_of(store, training__seed=5, model__depth=3)
    name = next(iter(random_direction(one.model.get_submodule("blocks"), 0, 0)))
    name = f"blocks.{name}"
    first = random_direction(one.model, 0, 0)[name]
    assert torch.equal(first, random_direction(one.model, 0, 0)[name])
    same = random_direction(two.model, 0, 0)[name]
    cosine = torch.nn.functional.cosine_similarity(first.flatten(1), same.flatten(1))
    assert cosine.numpy() == pytest.approx(1, abs=1e-5), "another network, the same draw"
    for other in (random_direction(one.model, 1, 0)[name], random_direction(one.model, 0, 1)[name]):
        cosine = torch.nn.functional.cosine_similarity(first.flatten(), other.flatten(), dim=0)
        assert abs(cosine) < 0.4


def test_moving_and_coming_back(subject: LoadedCheckpoint) -> None:
    directions = [random_direction(subject.model, 0, which) for which in (0, 1)]
    moved = Moved(subject, directions)
    weights = dict(subject.model.named_parameters())
    with torch.no_grad():
        for name, p in moved.to(0.5, -2.0).named_parameters():
            expected = weights[name].clone()
            if name in directions[0]:
                expected += 0.5 * directions[0][name] - 2.0 * directions[1][name]
            assert p.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    for name, p in moved.to(0.0, 0.0).named_parameters():
        assert torch.equal(p, weights[name])


# Surfaces


@pytest.mark.parametrize("settings", [{}, {"model__tie_embeddings": True}], ids=["plain", "tied"])
def test_the_centre_is_the_loss_of_the_checkpoint(store: RunStore, settings: dict) -> None:
    subject = subject_of(store, **settings)
    expected = HeldOutLoss(subject)(subject.model)
    line = landscape1d(subject, asking("landscape1d", ASKED), Silent())
    run = line.result["runs"][0]
    assert line.result["a"] == [-1, -0.5, 0, 0.5, 1]
    assert run["centre"] == expected
    assert run["loss"][2] == expected
    plane = landscape2d(subject, asking("landscape2d", ASKED), Silent())
    run = plane.result["runs"][0]
    assert run["loss"][2][2] == run["centre"] == expected
    assert run["loss"][2] == line.result["runs"][0]["loss"], "b = 0 is the line"
    assert plane.arrays["loss"].shape == (1, 5, 5)
    assert line.arrays["loss"].shape == (1, 5)


def test_the_loss_is_the_validation_loss_where_the_evaluation_is_small(store: RunStore) -> None:
    """Of digits all 360 held-out images are taken."""
    settings = {"model__family": "resnet", "model__norm": "group", "model__width": 4}
    run = trained(
        store, 2, **settings, model__depth=6, model__heads=4, model__context=64, probes__every=20
    )
    subject = LoadedCheckpoint(run, 2)
    loss = HeldOutLoss(subject)
    assert loss.predictions == len(loss.task.evaluation[0]) == 360
    recorded = float(run.series("loss/validation")[1][-1])
    assert loss(subject.model) == pytest.approx(recorded, rel=1e-6)
    assert landscape1d(subject, asking("landscape1d", ASKED), Silent()).result["runs"][0][
        "centre"
    ] == loss(subject.model)


def test_a_point_of_the_surface_is_the_loss_there(subject: LoadedCheckpoint) -> None:
    result = landscape2d(subject, asking("landscape2d", ASKED), Silent()).result
    directions = [random_direction(subject.model, 0, which) for which in (0, 1)]
    loss = HeldOutLoss(subject)
    model = Moved(subject, directions).to(-0.5, 1.0)
    assert result["runs"][0]["loss"][4][1] == loss(model)  # b = 1, a = -0.5


def test_coarse_to_fine(subject: LoadedCheckpoint) -> None:
    report = Kept()
    result = landscape2d(subject, asking("landscape2d", {**ASKED, "points": 9}), report).result
    coarse, fine = report.emitted
    assert (coarse["points"], fine["points"]) == (5, 9)
    assert (coarse["evaluations"], fine["evaluations"]) == (25, 81)
    assert fine == result
    assert coarse["a"] == fine["a"][::2]
    rows = coarse["runs"][0]["loss"]
    assert rows == [row[::2] for row in fine["runs"][0]["loss"][::2]]
    assert report.progress == sorted(report.progress)
    assert 0 <= report.progress[0] <= report.progress[-1] < 1


def test_cancelled_on_the_way(subject: LoadedCheckpoint) -> None:
    report = Kept(cancel_at=0.5)
    before = {name: p.clone() for name, p in subject.model.named_parameters()}
    with pytest.raises(CancelledError):
        landscape2d(subject, asking("landscape2d", {**ASKED, "points": 9}), report)
    assert [one["points"] for one in report.emitted] == [5]
    assert all(torch.equal(p, before[name]) for name, p in subject.model.named_parameters())


def test_several_runs_share_axes_and_scale(store: RunStore, subject: LoadedCheckpoint) -> None:
    other = trained(store, 6, model__placement="post", training__seed=1)
    result = landscape1d(
        subject, asking("landscape1d", {**ASKED, "others": [other.id]}), Silent()
    ).result
    assert [run["run"] for run in result["runs"]] == [subject.run.id, other.id]
    alone = landscape1d(LoadedCheckpoint(other, 6), asking("landscape1d", ASKED), Silent()).result[
        "runs"
    ][0]
    assert result["runs"][1] == alone
    losses = [value for run in result["runs"] for value in run["loss"]]
    assert (result["low"], result["high"]) == (min(losses), max(losses))
    assert result["evaluations"] == 10
    with pytest.raises(RunError, match="no run nobody"):
        landscape1d(subject, asking("landscape1d", {**ASKED, "others": ["nobody"]}), Silent())


def test_losses_that_are_not_finite_are_counted(store: RunStore) -> None:
    subject = subject_of(store, model__norm="none", model__placement="none")
    answer = landscape1d(subject, asking("landscape1d", {**ASKED, "radius": 1e30}), Silent())
    run = answer.result["runs"][0]
    assert run["not_finite"] == 4
    assert np.isnan(run["loss"]).tolist() == [True, True, False, True, True]
    assert run["loss"][2] == run["centre"] == answer.result["low"] == answer.result["high"]
    assert "4 losses are not finite" in answer.result["sentence"]
    assert not np.isfinite(answer.arrays["loss"][0, 0])


@pytest.mark.parametrize("points", [4, 67])
def test_points_that_can_not_be(subject: LoadedCheckpoint, points: int) -> None:
    with pytest.raises(ValueError, match=f"points: {points}"):
        landscape2d(subject, asking("landscape2d", {**ASKED, "points": points}), Silent())


# Resolution by time budget


def test_the_grid_is_the_finest_that_fits() -> None:
    assert affordable(0.1, 0.0, 2, 1) == 5, "never less than it takes to see a bowl"
    assert affordable(0.1, 8.2, 2, 1) == 9
    assert affordable(0.1, 8.2, 2, 2) == 5
    assert affordable(0.01, 20, 2, 1) == 41
    assert affordable(1e-6, 20, 2, 1) == 65
    assert affordable(0.1, 2.0, 1, 1) == 17
    assert affordable(1e-6, 20, 1, 1) == 257


@pytest.mark.parametrize("points", [5, 7, 9, 13, 33, 65])
def test_levels_keep_the_middle(points: int) -> None:
    found = levels(points)
    assert found[-1] == 1
    assert found == sorted(found, reverse=True)
    for stride in found:
        assert (points - 1) % stride == 0
        assert points // 2 % stride == 0
        assert (points - 1) // stride >= 4


def test_a_level_that_would_overrun_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("core.anatomy.loss_grid.time.monotonic", lambda: float(next(clock)))
    axes = [np.linspace(-1, 1, 17)] * 2
    count = 0

    def evaluate(a: float, b: float) -> float:
        nonlocal count
        count += 1
        for _ in range(10):
            next(clock)
        return a * a + b * b

    # 25 losses take 250 s, the next level 560 more.
    found = list(measure([evaluate], axes, 300.0, Silent()))
    assert [stride for stride, _, _ in found] == [4]
    assert count == 25
    assert math.isnan(found[0][1][0][1, 1])
    count = 0
    assert len(list(measure([evaluate], axes, None, Silent()))) == 3
    assert count == 17 * 17


def test_the_budget_is_named_where_it_cut(subject: LoadedCheckpoint) -> None:
    result = landscape1d(
        subject, asking("landscape1d", {**ASKED, "points": 0, "seconds": 0.0}), Silent()
    ).result
    assert result["points"] == 5
    assert result["sentence"].startswith("5 points, each the mean loss of 2,048 held-out")
    assert "did not fit 0 s" in result["sentence"]
