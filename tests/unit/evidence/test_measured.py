"""Every check that trains, on networks so small that it takes a moment: all that its claim speaks
of is measured, by seed, and there is something to draw."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from core.config import RunConfig
from core.evidence import CLAIMS, Claim, kept
from core.evidence.measure import trained as module
from core.evidence.run import measure
from core.runs import RunStore

SLOW = [claim for claim in CLAIMS if not claim.quick and claim.name != "anchors"]
# The probe of sinks looks beyond 32 tokens, and its networks have 8 layers.
TINY = {
    "model.width": 8, "model.heads": 2, "model.context": 40, "model.feedforward_width": "auto",
    "training.steps": 60, "training.batch_size": 2, "optimizer.warmup_steps": 0,
    "training.device": "cpu",
}  # fmt: skip


@pytest.mark.parametrize("claim", SLOW, ids=lambda claim: claim.name)
def test_a_check_that_trains_measures_what_its_claim_says(
    claim: Claim, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = module.trained

    def tiny(lab: Any, config: RunConfig, *rest: Any) -> Any:
        flat = {**config.flat(), **TINY, "model.depth": min(config.model.depth, 8)}
        if config.data.corpus == "tiny-shakespeare":
            flat["data.corpus"] = "python-reference"
        return train(lab, RunConfig.from_flat(flat), *rest)

    monkeypatch.setattr(module, "trained", tiny)
    record = measure(dataclasses.replace(claim, seeds=(0,)), store)
    assert {v.name for v in record.values} == {q.name for q in claim.quantities}
    assert all(len(v.by_seed) == 1 for v in record.values)
    assert record.series
    assert set(record.runs) == {run.id for run in store.list()}
    assert all(len(line.x) == len(line.y) > 0 for line in record.series)
    assert kept.read(kept.keep(store.root, record)) == record
