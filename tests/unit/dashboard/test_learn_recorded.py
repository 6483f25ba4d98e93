"""Every lesson that ships is drawn on its recorded runs, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.language import speaking
from core.lessons import lessons
from core.lessons.progress import Progress
from core.runs import RunStore
from dashboard.learn import export, model

PAGE = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "learn.py"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("id", lessons())
def test_a_lesson_is_drawn_on_its_recorded_runs(
    store: RunStore, id: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.ui.language.of_session", lambda: language)
    lesson = lessons()[id]
    answers = dict.fromkeys(range(len(lesson.ask)), 0.0)
    Progress(store.root).change(id, predicted=0, recorded=True, answers=answers, done=True)
    at = AppTest.from_file(PAGE, default_timeout=120)
    at.query_params["lesson"] = id
    with speaking(language):
        at.run()
    assert [one.value for one in at.exception] == []
    html = " ".join(str(one.proto.body) for one in at.get("html"))
    assert html.count('class="learn-explain') == 1
    assert html.count('class="learn-answer') == len(lesson.ask)
    assert "{" not in html
    assert store.list() == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_to_take_along_says_that_they_are_recorded(store: RunStore, language: str) -> None:
    lesson = next(iter(lessons().values()))
    kept = Progress(store.root).change(lesson.id, predicted=0, recorded=True)
    shown = model.shown(lesson, kept, frozenset(), store)
    with speaking(language):
        page = export.page(shown)
    assert ("Recorded runs" if language == "en" else "录制的运行") in page
