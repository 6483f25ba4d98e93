"""The Learn page: a lesson from its prediction to its answer key, over runs of all fates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import jobs
from core.language import speaking
from core.lessons import Lesson, lessons, recorded
from core.lessons.library import _shipped
from core.lessons.progress import Kept, Progress
from core.runs import Run, RunStore
from dashboard.learn import export, model
from dashboard.learn.answers import headed
from tests.fake_runs import Faker

PAGE = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "learn.py"
FILE = Path(__file__).resolve().parents[1] / "lessons" / "warm_up.toml"
ID = "warm-up"


@pytest.fixture(autouse=True)
def lesson(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lesson]:
    """The only lesson is the tests' own. Runs are made at once, and nobody trains them."""
    (tmp_path / "lessons").mkdir()
    shutil.copyfile(FILE, tmp_path / "lessons" / f"05-{ID}.toml")
    monkeypatch.setattr("core.lessons.library.FOLDER", tmp_path / "lessons")
    _shipped.cache_clear()
    monkeypatch.setattr(jobs, "enqueue", lambda s, c, n, *_, **meta: s.create(c, n, **meta))
    yield lessons()[ID]
    _shipped.cache_clear()


def opened(**address: str) -> AppTest:
    """The page as a new session gets it."""
    at = AppTest.from_file(PAGE, default_timeout=120)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert [one.value for one in at.exception] == []
    return at


def said(at: AppTest) -> str:
    """Everything that the page says."""
    html = " ".join(str(one.proto.body) for one in at.get("html"))
    return " ".join([html, *(one.value for one in (*at.markdown, *at.caption))])


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert [one.value for one in at.exception] == []
    return at


def keys(at: AppTest) -> dict[str, bool]:
    return {str(one.key): not one.disabled for one in at.button}


def finish(run: Run, fate: str) -> None:
    """What a worker would do with a run, in milliseconds."""
    faker = Faker(run, fate)
    faker.start()
    steps = run.config.training.steps
    faker.write(0, steps + 1)
    faker.status("finished", steps)
    faker.close()


def started(store: RunStore) -> AppTest:
    """The lesson with both runs queued."""
    at = opened(lesson=ID)
    at.radio(key=f"predict_{ID}").set_value(1).run()
    return press(at, "lesson_run")


def test_the_list_leads_into_a_lesson() -> None:
    at = opened()
    for lesson in lessons().values():
        assert f"open_{lesson.id}" in keys(at)
    assert f"0 of {len(lessons())} done" in said(at)
    press(at, f"open_{ID}")
    assert at.query_params["lesson"] == [ID] or at.query_params["lesson"] == ID
    assert "Post-LN and its warm-up" in said(at)
    press(at, "all_lessons")
    assert f"open_{ID}" in keys(at)


def test_nothing_runs_before_a_prediction(store: RunStore) -> None:
    at = opened(lesson=ID)
    assert not keys(at)["lesson_run"]
    assert "Predict first." in said(at)
    at.radio(key=f"predict_{ID}").set_value(0).run()
    assert keys(at)["lesson_run"]
    assert store.list() == []


def test_the_runs_are_the_lesson_s_and_ordinary_ones(store: RunStore, lesson: Lesson) -> None:
    at = opened(lesson=ID)
    at.radio(key=f"predict_{ID}").set_value(1).run()
    at.button_group(key=f"lesson_{ID}_warmup_steps").set_value(100).run()
    press(at, "lesson_run")
    plain, warm = store.list()
    assert plain.config.flat() == lesson.config("plain").flat()
    assert warm.config.optimizer.warmup_steps == 100
    assert warm.meta["twin_of"] == plain.id
    assert plain.meta["tags"] == ["lesson", ID]
    assert at.radio(key=f"predict_{ID}").disabled, "it is too late to predict"
    assert "lesson_stop" in keys(at)
    assert "What theory says" not in said(at)


def test_a_run_of_the_same_settings_is_not_trained_again(store: RunStore) -> None:
    at = started(store)
    for run in store.list():
        finish(run, "plateau")
    at.run()
    at.button_group(key=f"lesson_{ID}_warmup_steps").set_value(50).run()
    press(at, "lesson_run")
    assert len(store.list()) == 3
    assert store.list()[-1].config.optimizer.warmup_steps == 50


def test_the_explanation_is_about_these_runs(store: RunStore) -> None:
    at = started(store)
    plain, warm = store.list()
    finish(plain, "plateau")
    finish(warm, "lives")
    at.run()
    shown = said(at)
    assert "as theory expects" in shown
    assert "So it came out." in shown
    assert "Without warm-up your run ended at 3.3" in shown
    assert "Xiong" in shown
    at.number_input(key=f"answer_{ID}_0").set_value(9999.0).run()
    press(at, "check_0")
    assert "Your runs say" in said(at)
    assert "lesson_export" in str([one.proto for one in at.get("download_button")])
    again = opened(lesson=ID)
    assert "So it came out." in said(again), "another session finds the runs"
    assert f"1 of {len(lessons())} done" in said(opened())


def test_what_came_out_otherwise_is_said(store: RunStore) -> None:
    at = started(store)
    for run in store.list():
        finish(run, "lives")
    shown = said(at.run())
    assert "otherwise than expected" in shown
    assert "It came out otherwise: Both learn" in shown


def test_a_link_hides_what_it_names(store: RunStore, lesson: Lesson) -> None:
    at = opened(lesson=ID, hide="warmup_steps,lessons,settings,link")
    assert "all_lessons" not in keys(at)
    assert [one for one in at.get("button_group") if "warmup" in str(one.key)] == []
    assert len(at.expander) == 0
    at.radio(key=f"predict_{ID}").set_value(1).run()
    press(at, "lesson_run")
    assert store.list()[-1].config.optimizer.warmup_steps == lesson.controls[0].values[0]


def test_a_link_that_can_t_be_is_said() -> None:
    assert "The address says lesson = zebra" in said(opened(lesson="zebra"))
    assert "The address says hide = walls" in said(opened(lesson=ID, hide="walls"))


def test_deleted_runs_are_run_again(store: RunStore) -> None:
    started(store)
    for run in store.list():
        finish(run, "lives")
        store.delete(run.id)
    at = opened(lesson=ID)
    assert keys(at)["lesson_run"]
    assert "What theory says" not in said(at)


def test_beginning_anew_forgets_the_answers_and_keeps_the_runs(store: RunStore) -> None:
    at = started(store)
    plain, warm = store.list()
    finish(plain, "plateau")
    finish(warm, "lives")
    at.run()
    at.number_input(key=f"answer_{ID}_0").set_value(3.0).run()
    press(press(at, "check_0"), "lesson_anew")
    assert Progress(store.root).of(ID) == Kept()
    assert at.radio(key=f"predict_{ID}").value is None
    assert len(store.list()) == 2


# Progress


def test_progress_of_two_readers_is_apart(tmp_path: Path) -> None:
    one, other = Progress(tmp_path, "a"), Progress(tmp_path, "b")
    one.change(ID, predicted=2, answers={0: 1.5})
    assert Progress(tmp_path, "a").of(ID) == Kept(predicted=2, answers={0: 1.5})
    assert other.of(ID) == Kept()
    one.path.write_text("{")
    assert one.of(ID) == Kept()
    assert RunStore(tmp_path).list() == []


def test_where_nothing_can_be_written_the_tab_remembers(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("core.lessons.progress.write_json", full)
    at = opened(lesson=ID)
    at.radio(key=f"predict_{ID}").set_value(1).run()
    assert keys(at)["lesson_run"]


# The page to take along


def shown_of(lesson: Lesson, store: RunStore, **kept: Any) -> model.Shown:
    runs = {}
    for planned, fate in zip(lesson.runs, ("plateau", "lives"), strict=True):
        run = store.create(lesson.config(planned.name), planned.title)
        finish(run, fate)
        runs[planned.name] = run.id
    return model.shown(lesson, Kept(runs=runs, **kept), frozenset(), store)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_exported_page_has_the_key(store: RunStore, lesson: Lesson, language: str) -> None:
    shown = shown_of(lesson, store, predicted=0, answers={0: 2.0}, done=True)
    with speaking(language):
        page = export.page(shown)
    assert page.count("<h1>") == 1
    assert f'lang="{language}"' in page
    assert "python -m core train" in page
    assert "plotly" in page
    if language == "en":
        key = page[page.index("Answer key") :]
        assert "Only the run with a warm-up learns" in key
        assert "The reader answered: 2 times" in key
        assert "a factor of" in key


def test_recorded_runs_are_marked(
    store: RunStore, lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = shown_of(lesson, store)
    monkeypatch.setattr(recorded, "runs_of", lambda lesson: shown.runs)
    monkeypatch.setattr(recorded, "is_recorded", lambda id: False)
    at = opened(lesson=ID)
    at.radio(key=f"predict_{ID}").set_value(1).run()
    press(at, "lesson_recorded")
    assert "Recorded runs" in said(at)
    assert "So it came out." in said(at)
    assert "lesson_run" not in keys(at)
    assert "own_runs" in keys(press(at, "own_runs")) or "lesson_run" in keys(at)


def test_a_short_first_sentence_stands_as_a_head():
    assert headed("How it dies. In its first steps Adam moves.") == (
        "How it dies.",
        " In its first steps Adam moves.",
    )
    assert headed("它是怎么死的。在最初几步里，Adam 动。")[0] == "它是怎么死的。"
    for whole in ("With 1.94 nats it is dead. The rest", "One sentence.", "", "x = 1.5 and so on"):
        assert headed(whole) == ("", whole)
