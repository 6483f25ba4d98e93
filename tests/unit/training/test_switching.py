"""Hot switches: a layer rewired while its network trains, by schedule or by hand."""

import numpy as np
import pytest

from core.jobs.launcher import control
from core.runs import Run, RunError, RunStore
from core.runs.status import Order
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train

SWITCHES = ["1: residual=off", "0: placement=post", "0-1: norm=rms", "1: scaling=layerscale"]


@pytest.fixture(scope="module")
def unswitched(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with dropout that nobody rewired."""
    return train(RunStore(tmp_path_factory.mktemp("unswitched")), small(model__dropout=0.1))


@pytest.mark.parametrize("change", SWITCHES)
def test_by_hand_equals_the_schedule_and_leaves_the_past_alone(
    store: RunStore, unswitched: Run, change: str
) -> None:
    scheduled = train(store, small(model__dropout=0.1, training__switches=f"12/{change}"))
    by_hand = train(store, small(model__dropout=0.1), Script({12: Order("switch", change)}))
    np.testing.assert_array_equal(losses(by_hand), losses(scheduled))
    np.testing.assert_array_equal(losses(by_hand)[:12], losses(unswitched)[:12])
    assert (losses(by_hand)[12:] != losses(unswitched)[12:]).any()
    event = next(e for e in by_hand.events if e["kind"] == "switch")
    assert event["step"] == 12
    assert "layer" in event["text"]
    for name in ("grad_norm/block", "activation/rms/resid_post", "loss/validation"):
        for mine, theirs in zip(by_hand.series(name), scheduled.series(name), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that is rewired twice and never stopped."""
    store = RunStore(tmp_path_factory.mktemp("whole"))
    return train(store, small(training__switches="12/0: norm=rms; 20/1: residual=off"))


@pytest.mark.parametrize("stop_at", [10, 12, 17, 25])
def test_a_switched_run_resumes_exactly(store: RunStore, whole: Run, stop_at: int) -> None:
    """Stopped before, at and after its switches, and from a checkpoint older than a switch."""
    orders = {12: Order("switch", "0: norm=rms"), 20: Order("switch", "1: residual=off")}
    first = {n: order for n, order in orders.items() if n < stop_at}
    run = train(store, small(), Script({**first, stop_at: Order("stop")}))
    newest = f"step-{stop_at:09d}"
    if stop_at == 17:  # as if killed: only the checkpoint of step 10 is left
        for path in (run.path / "checkpoints").glob(f"{newest}*"):
            path.unlink()
    start = 10 if stop_at == 17 else stop_at
    # Those of the first part are in the run; the others come at the same steps again.
    rest = {n - start: o for n, o in orders.items() if n >= stop_at}
    Trainer(run, Script(rest)).train()
    assert run.status == "finished"
    np.testing.assert_array_equal(losses(run), losses(whole))
    assert [e["step"] for e in run.events if e["kind"] == "switch"] == [12, 20]


def test_a_norm_that_is_switched_on_brings_its_own_columns(store: RunStore) -> None:
    config = small(
        model__placement="none",
        model__norm="none",
        model__final_norm="auto",
        training__switches="12/1: placement=pre, norm=layer",
    )
    run = train(store, config)
    norms = run.series("grad_norm/norm")[1]
    assert np.isnan(norms[:12]).all()
    assert (norms[12:, 1] > 0).all()
    assert len(losses(run)) == 30


def test_impossible_switches_are_refused_in_words(store: RunStore) -> None:
    run = store.create(small())
    lock = run.lock()
    with pytest.raises(RunError, match="queued"):
        control(store, run, "switch", "1: residual=off")
    lock.acquire()
    run.write_status(run.record.model_copy(update={"state": "running"}))
    for text, words in (
        ("7: residual=off", "beyond model.depth"),
        ("1: placement=none", "needs"),
        ("1: colour=red", "colour"),
        ("residual=off", "accepted"),
    ):
        with pytest.raises(RunError, match=words):
            control(store, run, "switch", text)
    control(store, run, "switch", "1: residual=off")
    lock.release()


def test_a_refused_switch_does_not_end_the_run(store: RunStore) -> None:
    run = train(store, small(), Script({5: Order("switch", "9: residual=off")}))
    assert run.status == "finished"
    assert any("refused" in e.get("text", "") for e in run.events)
