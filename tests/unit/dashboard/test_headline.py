"""The title over the Lab's loss curves says no more than the shown runs do."""

import pytest

from core.catalogue.summary import summary_of
from core.jobs import forks
from core.verdicts.verdict import Verdict
from dashboard.lab import headline
from tests.fake_runs import Faker, checkpoint, config, finished


def title(*runs):
    return headline.loss_title(runs, [summary_of(run).verdict for run in runs])


def test_only_twins_are_called_twins(store):
    lives = finished(store, "a", model__depth=3)
    dies = finished(store, "b", "plateau", model__depth=3, model__placement="post")
    assert title(lives, dies) == "Loss: one learns, its twin sits on the unigram plateau"
    other = finished(store, "c", "plateau", model__depth=5, model__placement="post")
    assert title(lives, other) == "Loss: one learns, the other sits on the unigram plateau"
    other.update_meta(twin_of=lives.id)
    assert title(lives, other) == title(lives, dies)


@pytest.mark.parametrize("changed", [{"data__corpus": "python-reference"}, {"training__seed": 5}])
def test_runs_of_other_batches_are_no_twins(store, changed):
    values = [config(**flat).flat() for flat in ({}, changed)]
    assert values[0] != values[1]
    assert not headline.are_twins(*values)


def test_a_run_under_way_is_judged_so_far(store):
    run = store.create(config(steps=400, model__placement="post", optimizer__warmup_steps=350))
    faker = Faker(run, "plateau")
    faker.start()
    faker.write(0, 301)
    faker.status("running", 300)
    lock = run.lock()
    assert lock.acquire()
    found = headline.loss_title([run], [Verdict("plateau", 3.3, 3.3, "")])
    assert found == "Loss: sits on the unigram plateau so far"
    said = summary_of(run).verdict.sentence
    assert summary_of(run).verdict.kind == "plateau"
    where = "so far (step 300 of 400, within its warm-up of 350 steps)."
    assert said.endswith(where)
    faker.status("finished", 400)
    lock.release()
    assert "so far" not in summary_of(run).verdict.sentence
    assert title(run) == "Loss: sits on the unigram plateau"


def test_the_dotted_line_is_that_of_every_shown_run_or_none():
    def of(*entropies):
        return headline.baseline([Verdict("learned", 1.0, e, "") for e in entropies])

    assert of(3.3091, 3.3092)[0] == pytest.approx(3.309, abs=1e-3)
    assert of(3.309, None) == (3.309, "")
    assert of(3.309, 2.5) == (None, headline.LEFT_OUT)
    assert of(None) == (None, "")


def test_a_fork_and_its_parent_are_no_twins(store):
    parent = finished(store, "a", steps=60)
    checkpoint(parent, 20)
    start = forks.point(parent, 20)
    rates = (1e-4, 1e-2)
    first, second = (
        store.create(start.settings({"optimizer.learning_rate": rate}), fork=start)
        for rate in rates
    )
    assert headline.twins([first, second])
    assert not headline.twins([parent, first])
