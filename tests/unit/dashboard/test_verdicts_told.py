"""What the Lab says of a run that has ended."""

from html import unescape

import pytest

from core.catalogue import index
from core.catalogue import summary as summaries
from core.catalogue.outcomes import cell
from core.catalogue.outcomes import outcome as outcome_of
from core.verdicts import labels
from core.verdicts.verdict import Verdict
from dashboard.compare import outcomes
from dashboard.components import facts
from dashboard.report import paper
from dashboard.report.page import report
from dashboard.report.series import groups
from tests.fake_runs import Faker, config, finished


def test_an_ended_run_says_what_became_of_it(store, monkeypatch):
    monkeypatch.setattr(facts, "opened", store.open)
    lives, dead = finished(store, "a"), finished(store, "b", "plateau")
    step, level, text = facts.outcome(lives.id)
    assert (step, level) == (400, "good")
    assert "uses its input" in text
    assert text.lower() in summaries.summary_of(lives).verdict.sentence.lower()
    assert facts.outcome(dead.id)[1] == "warning"
    running = store.create(config())
    Faker(running).start()
    assert facts.outcome(running.id) is None
    assert facts.outcome("gone") is None


def judged(store, monkeypatch, kind, many=1):
    """Runs that ended and whose losses were judged so."""
    found = Verdict(kind, 2.5, 3.3, f"x: a sentence on {kind}", -0.8, 0.01)
    monkeypatch.setattr(summaries, "judge", lambda run: found)
    monkeypatch.setattr(facts, "opened", store.open)
    state = kind if kind in ("diverged", "failed") else "finished"
    runs = []
    for seed in range(many):
        run = store.create(config(f"run {seed}", training__seed=seed))
        faker = Faker(run)
        faker.start()
        faker.write(0, 401)
        faker.close()
        faker.status(state, 400)
        runs.append(run)
    return runs


@pytest.mark.parametrize("kind", labels.KINDS)
def test_every_verdict_is_told_wherever_one_is_told(store, monkeypatch, kind):
    label = labels.VERDICT_LABELS[kind]
    runs = judged(store, monkeypatch, kind)
    found = summaries.summary_of(runs[0])
    assert found.verdict.kind == kind
    if label.bad:
        assert found.words.startswith(label.short)
    level = "warning" if label.bad else "good" if kind == "learned" else "note"
    assert facts.outcome(runs[0].id)[1] == level

    html = outcomes.verdicts(index.entries(store), {})
    assert f'class="verdict {kind}{" bad" if label.bad else ""}"' in html
    assert f"a sentence on {kind}" in html
    made = paper.verdict_list(groups(runs))
    assert ('class="bad"' in made) == label.bad
    assert paper._trained_row(groups(runs)[0], in_bytes=False)["bad"] == label.bad
    assert f"The run {label.past}." in unescape(report(store, runs))


@pytest.mark.parametrize("many", [1, 2])
@pytest.mark.parametrize("kind", labels.KINDS)
def test_a_cell_tells_every_verdict(store, monkeypatch, kind, many):
    label = labels.VERDICT_LABELS[kind]
    runs = judged(store, monkeypatch, kind, many)
    made = cell([outcome_of(summaries.summary_of(run), run.id) for run in runs])
    assert made.said.startswith(label.said if many == 1 else f"{many} {label.past}")
    assert (made.kind == "learned") == (kind == "learned")
    assert (made.kind == "dead") == label.dead
    assert (made.value is not None) == (kind == "learned"), "only what learned is green"
    seen = f"{made.text} {made.small}"
    if made.kind == "plain":  # neither a colour of its own nor green
        assert (label.short if label.bad else label.said) in seen
    told = paper._cell(made, 1, 3)
    assert (told["text"], told["small"]) == (made.text, made.small)


def test_who_memorised_is_warned_of_but_not_dead(store, monkeypatch):
    assert "memorised" in labels.BAD_KINDS
    assert "memorised" not in labels.DEAD_KINDS
    good = judged(store, monkeypatch, "learned")[0]
    first = outcome_of(summaries.summary_of(good), 0)
    bad = judged(store, monkeypatch, "memorised")[0]
    second = outcome_of(summaries.summary_of(bad), 1)
    both = cell([first, second])
    assert both.kind == "mixed"
    assert both.said.startswith("1 learned, 1 memorised the training data")
