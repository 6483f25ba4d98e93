"""The path of training: PCA of the checkpoints, the last one as the origin, a surface below."""

import numpy as np
import pytest
import torch

from core.anatomy import Silent
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.loss_grid import HeldOutLoss
from core.anatomy.trajectory import principal_plane, trajectory
from core.runs import RunError, RunStore
from tests.subjects import asking, trained

ASKED = {"seconds": 20.0, "points": 5}


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    run = trained(store, 12, training__checkpoint_every=3)
    return LoadedCheckpoint(run, 12)


def flat(subject: LoadedCheckpoint) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in subject.model.parameters()]).double()


def test_components_are_those_of_a_decomposition() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(6, 40, generator=generator) * torch.logspace(0, -2, 40)
    axes, path, shares = principal_plane(points)
    centred = (points - points.mean(0)).double()
    _, sizes, vectors = torch.linalg.svd(centred, full_matrices=False)
    assert shares == pytest.approx((sizes[:2] ** 2 / (sizes**2).sum()).tolist())
    for k in (0, 1):
        assert abs(float(axes[k].double() @ vectors[k])) == pytest.approx(1, abs=1e-5)
    assert (axes @ axes.T).numpy() == pytest.approx(np.eye(2), abs=1e-5)
    assert path == pytest.approx((points @ axes.T).numpy(), abs=1e-5)


def test_a_straight_path_is_all_in_one_component() -> None:
    line = torch.arange(5.0)[:, None] * torch.tensor([[3.0, 4, 0, 0]])
    axes, path, shares = principal_plane(line)
    assert shares == pytest.approx([1, 0], abs=1e-9)
    assert abs(path[:, 0]) == pytest.approx([0, 5, 10, 15, 20])
    assert abs(float(axes[0] @ axes[1])) < 1e-5


def test_the_path_ends_at_the_origin(subject: LoadedCheckpoint) -> None:
    result = trajectory(subject, asking("trajectory", ASKED), Silent()).result
    assert result["steps"] == [3, 6, 9, 12]
    assert result["path"][-1] == [0, 0]
    assert result["distance"][-1] == 0
    last = flat(subject)
    for step, place, distance in zip(
        result["steps"], result["path"], result["distance"], strict=True
    ):
        expected = (flat(LoadedCheckpoint(subject.run, step)) - last).norm().item()
        assert distance == pytest.approx(expected, rel=1e-4)
        assert np.hypot(*place) <= distance * 1.0001, "a projection is never longer"
    assert result["explained"] == sorted(result["explained"], reverse=True)
    assert 0.5 < sum(result["explained"]) <= 1.000001


def test_losses_on_the_path_and_below_it(subject: LoadedCheckpoint) -> None:
    answer = trajectory(subject, asking("trajectory", ASKED), Silent())
    result, loss = answer.result, HeldOutLoss(subject)
    for step, value in zip(result["steps"], result["path_loss"], strict=True):
        assert value == loss(LoadedCheckpoint(subject.run, step).model)
    assert result["centre"] == result["path_loss"][-1] == loss(subject.model)
    path = np.array(result["path"])
    for axis, values in (("a", path[:, 0]), ("b", path[:, 1])):
        assert result[axis][0] < values.min()
        assert result[axis][-1] > values.max()
    assert np.array(result["loss"]).shape == (5, 5)
    assert np.array(result["loss"]) == pytest.approx(answer.arrays["loss"])
    # Training came down into it.
    assert result["path_loss"][0] > result["centre"]


def test_of_an_earlier_checkpoint_the_path_up_to_it(subject: LoadedCheckpoint) -> None:
    result = trajectory(
        LoadedCheckpoint(subject.run, 9), asking("trajectory", ASKED), Silent()
    ).result
    assert result["steps"] == [3, 6, 9]
    assert result["path"][-1] == [0, 0]


def test_large_networks_keep_fewer_points(
    subject: LoadedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.anatomy.trajectory.MOST", 3)
    assert trajectory(subject, asking("trajectory", ASKED), Silent()).result["steps"] == [3, 9, 12]


def test_what_has_no_path_says_why(store: RunStore) -> None:
    run = trained(store, 4, training__checkpoint_every=2)
    with pytest.raises(RunError, match=r"needs 3 checkpoints and run .* has 2"):
        trajectory(LoadedCheckpoint(run, 4), asking("trajectory", ASKED), Silent())
    run = trained(store, 6, training__checkpoint_every=2, training__switches="3/1: residual=off")
    with pytest.raises(RunError, match="were switched while it trained"):
        trajectory(LoadedCheckpoint(run, 6), asking("trajectory", ASKED), Silent())
