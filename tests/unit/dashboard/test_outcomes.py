"""What the Lab says of a run that has ended."""

from core.runs.compare import verdict
from dashboard import components
from tests.fake_runs import Faker, config, finished


def test_an_ended_run_says_what_became_of_it(store, monkeypatch):
    monkeypatch.setattr(components, "store", lambda: store)
    lives, dead = finished(store, "a"), finished(store, "b", "plateau")
    step, level, text = components.outcome(lives.id)
    assert (step, level) == (400, "good")
    assert "uses its input" in text
    assert text.lower() in verdict(lives).sentence.lower()
    assert components.outcome(dead.id)[1] == "warning"
    running = store.create(config())
    Faker(running).start()
    assert components.outcome(running.id) is None
    assert components.outcome("gone") is None
