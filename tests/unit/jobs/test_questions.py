"""Questions on their way to an inspector."""

import os

import pytest

from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.jobs import environment, inspection_queue
from core.jobs.inspection_worker import Inspector
from core.jobs.inspections import ask
from core.runs import Run, RunStore
from tests.subjects import trained


def test_a_question_is_answered_in_the_environment_of_whoever_asked(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inspector that has been warm for long never saw the folder that was named since."""
    monkeypatch.setattr(inspection_queue, "revive", lambda root: None)
    run = trained(store)
    monkeypatch.setenv("ADDNORM_DATA", "/first")
    first = ask(store, run, "attention", text="a")
    monkeypatch.setenv("ADDNORM_DATA", "/asked")
    second = ask(store, run, "attention", text="b")
    assert ask(store, run, "attention", text="a").id == first.id, "asked anew, from elsewhere"
    monkeypatch.setenv("ADDNORM_DATA", "/old")
    seen: list[str] = []
    real = Inspector.checkpoint

    def watched(self: Inspector, run: Run, step: int) -> LoadedCheckpoint:
        seen.append(os.environ["ADDNORM_DATA"])
        return real(self, run, step)

    monkeypatch.setattr(Inspector, "checkpoint", watched)
    inspector = Inspector(store)
    assert inspector.take(run.id, first.id)
    assert inspector.take(run.id, second.id)
    assert (first.state, second.state) == ("done", "done")
    assert seen == ["/asked", "/asked"]
    third = ask(store, run, "attention", text="c")
    monkeypatch.setenv("ADDNORM_DATA", "/slow")
    inspector._serve_quick()
    assert third.state == "done"
    assert os.environ["ADDNORM_DATA"] == "/slow", "the slow question goes on in its own"
    queue = inspection_queue.question_queue(store.root)
    (queue.folder / f"{1:020d}_0123_{run.id}").touch()  # of an earlier release
    assert environment.read(queue.read(inspection_queue.job(run.id, "0123"))) is None
