"""The recorded runs that ship: each lesson has all of its own, with what its charts show."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalogue import summary
from core.lessons import Lesson, lessons, recorded

MOST_BYTES = 1.5e6
EVERY = pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: lesson.id)


@EVERY
def test_a_recorded_run_is_what_the_lesson_trains(lesson: Lesson):
    runs = recorded.runs_of(lesson)
    assert set(runs) == {one.name for one in lesson.runs}, "tests.recorded_lessons --record"
    for name, run in runs.items():
        assert run.config.flat() == lesson.config(name).flat()
        assert run.meta["recorded"] is True
        assert run.name == lesson.run(name).title
        assert run.status in ("finished", "diverged")


@EVERY
def test_what_its_charts_show_was_kept(lesson: Lesson):
    runs = recorded.runs_of(lesson)
    for chart in lesson.charts:
        for name in chart.runs or runs:
            if chart.kind == "attention":
                assert len(runs[name].snapshots)
            else:
                assert len(runs[name].series(chart.metric)[0])


@EVERY
def test_nothing_is_written_where_they_lie(lesson: Lesson, monkeypatch: pytest.MonkeyPatch):
    """Their digests are those of today's rules; else: tests.recorded_lessons --digests."""
    written: list[Path] = []
    monkeypatch.setattr(summary, "_write", lambda path, content: written.append(path))
    summary.SUMMARIES.clear()
    for run in recorded.runs_of(lesson).values():
        summary.summary_of(run)
    assert written == []


def test_they_are_small():
    files = [path for path in recorded.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    known = {recorded.id_of(one.id, run.name) for one in lessons().values() for run in one.runs}
    assert {path.name for path in recorded.FOLDER.iterdir()} == known
