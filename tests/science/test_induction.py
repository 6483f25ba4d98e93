"""Induction heads need two layers (Elhage et al. 2021; Olsson et al. 2022, arXiv 2209.11895).

Attention-only networks on tokens that repeat with a random period. With two layers a head of the
first attends to the token before, and one of the second finds what followed the same token. One
layer can't, unless the period is fixed: then the position tells where to look. Over seeds 0 to 2
the best induction score is .81 to .88 with two layers and .12 with one, and the loss 1.79 to 1.82
and 3.27, where 1.498 is the lowest possible.
"""

import numpy as np
from conftest import small

from core.anatomy import Silent
from core.anatomy.heads import heads
from core.anatomy.subject import Subject
from core.runs import Run, RunStore
from core.training.desk import NoDesk
from core.training.trainer import Trainer

STEPS = 600


def trained(store: RunStore, depth: int, corpus: str, positions: str) -> Run:
    config = small(
        data__corpus=corpus,
        model__depth=depth,
        model__sublayers="attention",
        model__positions=positions,
        model__width=64,
        model__context=32,
        optimizer__learning_rate=3e-3,
        training__steps=STEPS,
        training__batch_size=32,
        training__evaluate_every=0,
        training__checkpoint_every=0,
        probes__every=0,
    )
    run = store.create(config)
    Trainer(run, NoDesk()).train()
    return run


def scores(run: Run) -> dict[str, np.ndarray]:
    subject = Subject(run, STEPS)
    return heads(subject, {"windows": 8, "seed": 0}, Silent()).arrays


def loss(run: Run) -> float:
    return float(run.series("loss/validation")[1][-1])


def test_two_layers_learn_to_look_back(store: RunStore) -> None:
    run = trained(store, 2, "repeat", "rotary")
    found = scores(run)
    ranked = np.argsort(-found["induction"].ravel())
    assert ranked[0] // 2 == 1, "the first card is a head of the second layer"
    assert found["induction"].max() > 0.5
    assert found["induction"][0].max() < 0.2
    # Composition: the first layer tells each token what came before it.
    assert found["previous"][0].max() > 3 * found["previous"][1].max()
    assert loss(run) < run.corpus["floor"] + 0.6


def test_one_layer_does_not(store: RunStore) -> None:
    run = trained(store, 1, "repeat", "rotary")
    assert scores(run)["induction"].max() < 0.2
    assert loss(run) > run.corpus["floor"] + 1.4


def test_one_layer_copies_by_position_where_the_period_is_fixed(store: RunStore) -> None:
    run = trained(store, 1, "copy", "learned")
    assert loss(run) < run.corpus["floor"] + 0.3
