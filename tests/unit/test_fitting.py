"""What is offered to a run that does not fit: it fits, and no less would have to change."""

from __future__ import annotations

import pytest

from core import fitting
from core.config import RunConfig
from core.estimate import memory_bytes, needed_bytes, step_floats

GB = 10**9
WIDE = {
    **{"model.width": 512, "model.heads": 8, "model.depth": 12, "model.context": 512},
    "training.batch_size": 96,
}
DIGITS = {"data.corpus": "digits"}
RUNS: dict[str, dict[str, object]] = {
    "transformer": WIDE,
    "in parts already": {**WIDE, "training.accumulate": 2},
    "recomputed already": {**WIDE, "training.recompute": True},
    "mlp": {"model.family": "mlp", "model.width": 1024, "training.batch_size": 16384},
    "resnet": {
        **{"model.family": "resnet", "model.norm": "batch", "model.width": 64, **DIGITS},
        "training.batch_size": 4096,
    },
}


def settings(name: str, **changes: object) -> RunConfig:
    return RunConfig.from_flat({**RUNS[name], **changes})


def differences(one: RunConfig, other: RunConfig) -> dict[str, object]:
    before = one.flat()
    return {n: v for n, v in other.flat().items() if v != before[n]}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("share", [0.7, 0.4, 0.15])
def test_what_is_offered_fits_and_the_next_one_does_not(name: str, share: float) -> None:
    config = settings(name)
    smallest = fitting.changed(config, batch_size=2 * config.training.accumulate)
    assert smallest is not None
    least = needed_bytes(smallest, 97)
    room = least + int(share * (needed_bytes(config, 97) - least))
    offered = fitting.fitting(config, 97, room)
    assert offered
    for one in offered:
        assert needed_bytes(one, 97) <= room
        changed = differences(config, one)
        training = one.training
        parts = training.accumulate
        if "training.batch_size" in changed:
            assert list(changed) == ["training.batch_size"]
            more = training.model_dump()["batch_size"] + parts
            larger = fitting.changed(config, batch_size=more)
            assert larger is not None
            assert needed_bytes(larger, 97) > room
        if "training.accumulate" in changed:
            fewer = [n for n in range(1, parts) if config.training.batch_size % n == 0][-1]
            less = fitting.changed(one, accumulate=fewer)
            assert less is not None
            assert fewer == config.training.accumulate or needed_bytes(less, 97) > room
    batchnorm = config.model.norm == "batch"
    assert any("training.accumulate" in differences(config, one) for one in offered) != batchnorm


def test_each_setting_takes_less() -> None:
    config = settings("transformer")
    for change in ({"accumulate": 8}, {"recompute": True}, {"batch_size": 12}):
        less = fitting.changed(config, **change)
        assert less is not None
        assert memory_bytes(less, 97) < 0.5 * memory_bytes(config, 97)
    both = fitting.changed(config, accumulate=8, recompute=True)
    assert both is not None
    assert step_floats(both, 97) < step_floats(fitting.changed(config, accumulate=8) or both, 97)


def test_the_words_of_an_offer() -> None:
    config = settings("transformer")
    said = fitting.advice(config, 97, needed_bytes(config, 97) // 2)
    assert said.startswith("training.accumulate 3 or training.recompute true or training.batch")
    assert said.endswith(" would fit")
    huge = RunConfig.from_flat({"model.width": 8192, "model.heads": 8, "model.depth": 64})
    assert fitting.advice(huge, 97, GB) == (
        "no batch of it fits; lower model.context, model.depth or model.width"
    )


def test_where_neither_alone_is_enough_both_are_offered() -> None:
    long = {"model.width": 128, "model.context": 4096, "model.depth": 48}
    config = settings("transformer", **{"training.batch_size": 4, **long})
    alone = min(
        needed_bytes(one, 97)
        for change in ({"accumulate": 4}, {"recompute": True})
        if (one := fitting.changed(config, **change))
    )
    first, *_ = fitting.fitting(config, 97, alone - 1)
    assert set(differences(config, first)) == {"training.recompute", "training.accumulate"}


def test_a_run_that_ran_out_is_told_what_takes_less(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings("transformer")
    need = needed_bytes(config, 97)
    for total, free, said in (
        (8 * GB, 4 * GB, "and 4.0 GB are free: training.accumulate"),
        (2 * need, need + GB, "are free by now: resume it, or train with training.accumulate 2"),
    ):
        there = fitting.memory.Memory(total, free)
        monkeypatch.setattr(fitting.memory, "ram", lambda there=there: there)
        assert said in fitting.shortage(config, 97)
    monkeypatch.setattr(fitting.memory, "ram", lambda: None)
    assert "of memory: resume it, or train with" in fitting.shortage(config, 97)
