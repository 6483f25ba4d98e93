"""Each task in seconds of real training: what learns leaves its baseline, what can't does not.

How near to its optimal loss each task comes in minutes stands in assets/benchmarks.
"""

import pytest
import torch

from core.config import SYNTHETIC
from core.runs import Run, RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer
from core.verdicts.verdict import judge
from tests.conftest import small

QUICK = {
    "model__width": 32,
    "model__context": 8,
    "model__positions": "learned",
    "training__batch_size": 32,
    "training__steps": 150,
    "training__evaluate_every": 0,
    "training__checkpoint_every": 0,
    "optimizer__learning_rate": 1e-2,
    "probes__every": 0,
}
# What of the way from baseline to optimum is gone at least: about two thirds of what was seen.
FAR: dict[str, tuple[float, dict[str, object]]] = {
    "repeat": (0.5, {}),
    "copy": (0.7, {}),
    "sort": (0.35, {}),
    "reverse": (0.7, {}),
    "addition": (0.6, {"data__modulus": 5, "model__context": 4}),
    "brackets": (0.5, {}),
    "markov": (0.7, {"data__order": 1}),
}


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def trained(store: RunStore, **changes: object) -> Run:
    run = store.create(small(**{**QUICK, **changes}))
    Trainer(run, NullControl()).train()
    return run


def way(run: Run, loss: float) -> float:
    """How much of the way from its baseline to its optimum a loss is."""
    from_, to = run.corpus["unigram_validation"], run.corpus["floor"]
    return (from_ - loss) / (from_ - to)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_network_leaves_the_baseline(store: RunStore, name: str) -> None:
    share, settings = FAR[name]
    run = trained(store, data__corpus=name, **settings)
    losses = run.series("loss/validation")[1]
    assert way(run, losses[0]) < 0.05, "before any training it knows nothing"
    assert share < way(run, losses[-1]) < 1.02
    found = judge(run)
    assert found.kind == "learned"
    assert found.optimal == run.corpus["floor"]
    assert found.sentence.endswith(f" The optimal loss of its task is {found.optimal:.3f}.")


@pytest.mark.parametrize("name", ["copy", "reverse", "addition"])
def test_without_attention_it_stays_there(store: RunStore, name: str) -> None:
    """A token alone says nothing of what follows it."""
    run = trained(
        store, data__corpus=name, model__sublayers="feedforward", optimizer__learning_rate=3e-3
    )
    assert judge(run).kind == "plateau"


def test_a_table_of_sums_is_memorised(store: RunStore) -> None:
    """Half of the pairs say nothing of the others before the rule is found."""
    run = trained(
        store,
        data__corpus="addition",
        data__modulus=11,
        data__held_out=0.5,
        model__context=4,
        training__steps=300,
    )
    found = judge(run)
    assert found.last_mean is not None
    assert found.last_mean < 0.5
    assert found.kind == "memorised"
    assert "answer frequencies" in found.sentence
