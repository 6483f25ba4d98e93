"""Induction heads need two layers (Elhage et al. 2021; Olsson et al. 2022, arXiv 2209.11895).

The claim `induction-depth` of core.evidence with one seed, and what its caution says: where the
period is fixed, a single layer copies, because the position tells where to look. Over seeds 0 to 2
it reaches 1.955 to 1.960 on `copy`, of 1.949.
"""

from __future__ import annotations

import dataclasses

from core import presets
from core.anatomy import Silent
from core.config import RunConfig
from core.evidence import named
from core.evidence.measure.networks import Lab
from core.evidence.measure.trained import UNWATCHED, trained
from core.evidence.run import measure
from core.runs import RunStore


def test_two_layers_learn_to_look_back_and_one_does_not(store: RunStore) -> None:
    (claim,) = named(["induction-depth"])
    record = measure(dataclasses.replace(claim, seeds=(0,)), store)
    assert record.verdict == "shown", {v.name: v.words for v in record.values}
    assert len(record.runs) == 2


def test_one_layer_copies_by_position_where_the_period_is_fixed(store: RunStore) -> None:
    base = presets.load("induction-one-layer").config.flat()
    fixed = {"data.corpus": "copy", "model.positions": "learned"}
    config = RunConfig.from_flat({**base, **UNWATCHED, **fixed})
    run = trained(Lab((0,), Silent(), store), config, "copy, one layer")
    loss = float(run.series("loss/validation")[1][-1])
    assert loss < run.corpus["floor"] + 0.3
