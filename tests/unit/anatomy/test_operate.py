"""Operate and the lesion sweep: what they measure, and that they agree."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.anatomy import CancelledError, Silent
from core.anatomy.ablation import lesion
from core.anatomy.interventions import operated
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.operate import operate
from core.anatomy.operations import read
from core.anatomy.parameters import Parameters
from core.runs import RunStore
from tests.subjects import asking, subject_of

OFF = {"target": "attention", "layer": 0, "action": "off"}
LONG = 1e6


def asked(**changes: object) -> Parameters:
    return asking("operate", {"length": 20, **changes})


@pytest.fixture
def subject(store: RunStore) -> LoadedCheckpoint:
    return subject_of(store, steps=30, model__depth=3)


def test_nothing_done_changes_nothing(subject: LoadedCheckpoint) -> None:
    answer = operate(subject, asked(), Silent())
    found = answer.result
    assert found["before"] == found["after"]
    assert (found["delta"], found["delta_error"], found["common"]) == (0, 0, 20)
    np.testing.assert_array_equal(answer.arrays["before"], answer.arrays["after"])


def test_before_and_after_of_a_sublayer(subject: LoadedCheckpoint) -> None:
    kept = {name: t.clone() for name, t in subject.model.state_dict().items()}
    answer = operate(subject, asked(operations=[OFF], windows=20), Silent())
    found = answer.result
    inputs, targets = subject.held_out(20)

    def rows(logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits.mT, targets, reduction="none").double().mean(1)

    def off(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(tensor) if name == "blocks.0.attn.out" else tensor

    with torch.no_grad():
        before, after = rows(subject.model(inputs)), rows(subject.model(inputs, off))
        ids = torch.tensor([subject.run.corpus["probe_tokens"]])
        logits = subject.model(ids[:, :-1], off)
        probe = F.cross_entropy(logits.mT, ids[:, 1:], reduction="none")[0]
    assert found["operations"] == ["attention 0 off"]
    assert found["before"]["nats"] == pytest.approx(before.mean().item(), rel=1e-5)
    assert found["after"]["nats"] == pytest.approx(after.mean().item(), rel=1e-5)
    paired = after - before
    assert found["delta"] == pytest.approx(paired.mean().item(), rel=1e-3)
    assert found["delta_error"] == pytest.approx((paired.std() / 20**0.5).item(), rel=1e-3)
    assert found["delta"] != 0
    np.testing.assert_allclose(answer.arrays["after"], probe, rtol=1e-4)
    assert len(found["after"]["text"]) == 20
    assert found["after"]["text"] != found["before"]["text"]
    common = found["common"]
    assert found["after"]["text"][:common] == found["before"]["text"][:common]
    assert found["after"]["text"][common] != found["before"]["text"][common]
    for name, tensor in subject.model.state_dict().items():
        assert torch.equal(tensor, kept[name])


def test_the_same_seed_writes_the_same_before(subject: LoadedCheckpoint) -> None:
    one = operate(subject, asked(operations=[OFF], seed=5), Silent()).result
    other = operate(subject, asked(seed=5), Silent()).result
    assert one["before"] == other["before"]
    anew = LoadedCheckpoint(subject.run, subject.step)  # which remembers nothing
    assert operate(anew, asked(seed=5), Silent()).result["before"] == other["before"]
    fewer = operate(subject, asked(seed=5, windows=20), Silent()).result["before"]
    assert fewer["nats"] != other["before"]["nats"]
    assert operate(subject, asked(seed=6), Silent()).result["before"] != other["before"]


class CancelAt:
    """Somebody cancels at the n-th report."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, progress: float, message: str = "") -> None:
        assert 0 <= progress <= 1
        self.left -= 1
        if not self.left:
            raise CancelledError

    def emit(self, item: dict[str, object]) -> None:
        """Nothing."""


def test_the_sweep_takes_out_every_part_and_agrees_with_operate(subject: LoadedCheckpoint) -> None:
    answer = lesion(subject, asking("lesion", {"windows": 12, "seconds": LONG}), Silent())
    found, arrays = answer.result, answer.arrays
    groups = [row["group"] for row in found["rows"]]
    assert {g: groups.count(g) for g in groups} == {
        "block": 3,
        "swap": 2,
        "attention": 3,
        "feedforward": 3,
        "head": 6,
    }
    assert found["complete"]
    assert found["windows"] == 12
    for row in found["rows"]:
        same = operate(
            subject, asked(operations=[row["operation"]], windows=12, length=0), Silent()
        )
        assert row["delta"] == pytest.approx(same.result["delta"], abs=1e-7)
        assert row["error"] == pytest.approx(same.result["delta_error"], abs=1e-7)
        assert [row["words"]] == same.result["operations"]
        place = row["layer"] if row["head"] is None else (row["layer"], row["head"])
        assert arrays[row["group"]][place] == pytest.approx(row["delta"])
    assert {name: a.shape for name, a in arrays.items()} == {
        "block": (3,),
        "swap": (2,),
        "attention": (3,),
        "feedforward": (3,),
        "head": (3, 2),
    }
    assert not any(np.isnan(a).any() for a in arrays.values())


def test_a_short_budget_reads_fewer_windows_or_ends_early(subject: LoadedCheckpoint) -> None:
    found = lesion(subject, asking("lesion", {"windows": 200, "seconds": 1e-3}), Silent()).result
    assert found["windows"] == 2
    assert not found["complete"]
    assert len(found["rows"]) < 17


def test_parts_that_are_not_there_are_not_swept(store: RunStore) -> None:
    subject = subject_of(store, model__sublayers="feedforward", model__positions="none")
    answer = lesion(subject, asking("lesion", {"windows": 4, "seconds": LONG}), Silent())
    assert {row["group"] for row in answer.result["rows"]} == {"block", "swap", "feedforward"}
    assert np.isnan(answer.arrays["head"]).all()


@pytest.mark.parametrize("left", [1, 2, 5])
def test_both_obey_cancel_and_leave_the_network_as_it_was(
    subject: LoadedCheckpoint, left: int
) -> None:
    kept = {name: t.clone() for name, t in subject.model.state_dict().items()}
    with pytest.raises(CancelledError):
        lesion(subject, asking("lesion", {"windows": 4, "seconds": LONG}), CancelAt(left))
    with pytest.raises(CancelledError):
        operate(subject, asked(operations=[OFF]), CancelAt(left))
    assert all(torch.equal(t, kept[name]) for name, t in subject.model.state_dict().items())


def test_a_network_is_put_back_when_its_use_is_cut_short(subject: LoadedCheckpoint) -> None:
    model = subject.copy()
    inputs, _ = subject.held_out(2)
    whole = model(inputs)

    def cut_short() -> None:
        with operated(model, [read(subject.wiring, OFF)]) as changed:
            assert not torch.equal(changed(inputs), whole)
            raise CancelledError

    with pytest.raises(CancelledError):
        cut_short()
    assert torch.equal(model(inputs), whole)
