"""Where a run trains, and as how many processes, is told once."""

from core.config import RunConfig
from core.runs import RunStore
from core.runs.status import Status
from dashboard.api.live import _where
from dashboard.components.facts import about
from dashboard.live.facts import together


def test_several_processes_are_told_while_they_train_and_afterwards(store: RunStore):
    run = store.create(RunConfig())
    assert together(run) == ""
    trains = Status(state="running", step=3, steps=9, ranks=2)
    run.write_status(trains)
    assert _where(run, trains) == "It trains as 2 processes."
    run.add_event("ranks", 0, ranks=2, sharding="ddp")
    assert _where(run, trains) == "It trains as 2 processes, DDP."
    ended = trains.model_copy(update={"state": "finished"})
    run.write_status(ended)
    assert _where(run, ended) == ""
    assert str(about(run)["detail"]).endswith("2 processes, DDP")
