"""The Evidence page: what it says of each claim, and the button that measures one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.evidence import CLAIMS, Axes, Record, kept, named
from core.evidence.record import Line
from core.jobs import checks
from core.jobs.check_worker import Checker
from core.jobs.inspections import Record as State
from core.runs import RunError, RunStore
from dashboard.evidence import model
from dashboard.figures.evidence import coincide, picture
from dashboard.ui.language import KEPT
from dashboard.ui.maths import subscripts

PAGE = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "evidence.py"
(ONE,) = named(["one-token"])


@pytest.fixture
def page(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page as a new session gets it; no process is started."""
    monkeypatch.setattr(checks, "ensure", lambda service, root: None)
    return AppTest.from_file(PAGE, default_timeout=120)


def said(at: AppTest) -> str:
    assert [e.value for e in at.exception] == []
    return " ".join(str(one.proto.body) for one in at.get("html"))


def opened(at: AppTest, name: str) -> AppTest:
    at.query_params["evidence_claim"] = name
    return at.run()


def measured(store: RunStore) -> Record:
    store.root.mkdir(exist_ok=True)
    checks.ask(store, ONE)
    assert Checker(store).take_one()
    record = kept.here(store.root, ONE)
    assert record is not None
    return record


def test_all_claims_stand_there_with_their_verdicts(page: AppTest) -> None:
    at = page.run()
    words = said(at)
    assert f"{len(CLAIMS)} claims of published papers" in words
    assert {str(b.key) for b in at.button} >= {f"claim_{claim.name}" for claim in CLAIMS}
    assert words.count("ev-verdict") == len(CLAIMS) + 1
    assert "0 measured here" in words


def test_a_press_opens_a_claim_and_the_address_says_which(page: AppTest) -> None:
    at = page.run()
    at.button(key="claim_one-token").click().run()
    assert at.query_params["evidence_claim"] == "one-token"
    words = said(at)
    assert "One layer in float64" in words
    assert "https://arxiv.org/abs/1706.03762" in words
    assert "core/evidence/measure/attention.py" in words
    assert at.code[0].value == "python -m core evidence --only one-token --again"
    assert at.latex[0].value.strip("$\n ") == ONE.formula


def test_a_group_is_filtered(page: AppTest) -> None:
    at = page.run()
    at.segmented_control(key="evidence_group").set_value("attention").run()
    shown = {str(b.key) for b in at.button if str(b.key).startswith("claim_")}
    assert shown == {f"claim_{c.name}" for c in CLAIMS if c.group == "attention"}


def test_an_address_with_a_wrong_claim_is_told(page: AppTest) -> None:
    assert "evidence_claim = nothing" in said(opened(page, "nothing"))


def test_what_ships_is_marked_as_recorded_and_what_is_measured_here_as_such(
    page: AppTest, store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = measured(store)
    text = (kept.folder(store.root) / "one-token.json").read_text()
    (kept.folder(store.root) / "one-token.json").unlink()
    (tmp_path / "one-token.json").write_text(text)
    monkeypatch.setattr(kept, "SHIPPED", tmp_path)
    words = said(opened(page, "one-token"))
    assert f"recorded on {record.date}, {record.hardware}" in words
    measured(store)
    words = said(page.run())
    assert f"measured here on {record.date}" in words
    assert "<dt>Recorded</dt>" in words


def test_run_it_here_waits_is_cancelled_and_tells_a_failure(page: AppTest, store: RunStore) -> None:
    at = opened(page, "one-token")
    at.button(key="run_check").click().run()
    assert checks.Asked(store.root, "one-token").under_way
    assert "is being measured" in said(at)
    assert "run_check" not in {b.key for b in at.button}
    at.button(key="cancel_check").click().run()
    assert not checks.Asked(store.root, "one-token").under_way
    at.run()
    assert "run_check" in {b.key for b in at.button}
    checks.Asked(store.root, "one-token").write(State("failed", 0.2, "the disk is full: free some"))
    assert "the disk is full: free some" in said(at.run())


def test_what_cannot_be_asked_is_a_sentence(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> None:
        raise RunError("one-token can't be measured here: free some room")

    at = opened(page, "one-token")
    monkeypatch.setattr(checks, "ask", refuses)
    at.button(key="run_check").click().run()
    assert "free some room" in said(at)


def test_a_verdict_that_is_not_shown_says_what_it_means(page: AppTest, store: RunStore) -> None:
    record = measured(store)
    kept.keep(store.root, record.model_copy(update={"verdict": "not shown here"}))
    assert "At this scale the lab does not show it" in said(opened(page, "one-token"))
    page.button(key="claim_massive-activations").click().run()
    assert 'class="ev-not">○ not shown here' in said(page)
    page.button(key="claim_one-token").click().run()
    kept.keep(store.root, record.model_copy(update={"verdict": "outside the band"}))
    assert "outside the band that a correct implementation lands in" in said(page.run())


def test_runs_of_a_check_are_offered_while_they_are_there(store: RunStore) -> None:
    from tests.fake_runs import finished

    run = finished(store)
    record = measured(store).model_copy(update={"runs": (run.id, "gone")})
    kept.keep(store.root, record)
    assert model.runs_of(store, model.shown(store.root, ONE)) == [run.id]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_picture_has_points_theory_axes_and_errors(store: RunStore, mode: Any) -> None:
    record = measured(store)
    figure = picture(record.series, ONE.axes, mode, 300)
    assert figure.layout.xaxis.title.text == ONE.axes.x
    assert figure.layout.yaxis.title.text == ONE.axes.y
    points, theory = figure.data
    assert (points.mode, theory.mode) == ("lines+markers", "lines")
    assert theory.line.dash == "dash"
    with_spread = record.series[0].model_copy(update={"spread": (0.1,) * len(record.series[0].x)})
    figure = picture([with_spread], ONE.axes, mode, 300)
    assert np.allclose(figure.data[0].error_y.array, 0.1)


def test_a_picture_with_a_missing_value_and_logarithmic_axes_is_drawn(store: RunStore) -> None:
    line = measured(store).series[0]
    axes = dataclasses.replace(ONE.axes, log_x=True, log_y=True)
    holed = line.model_copy(update={"x": (1.0, 10.0, 100.0), "y": (1.0, None, 3.0), "spread": None})
    figure = picture([holed], axes, "light", 300)
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"


def line(kind: str, y: list[float], spread: list[float] | None = None) -> Line:
    return Line(
        name=kind, kind=kind, x=(1.0, 2.0, 3.0), y=tuple(y), spread=spread and tuple(spread)
    )


def test_the_axis_reaches_to_the_ends_of_the_bars() -> None:
    found = picture([line("measured", [1, 2, 3], [0.5, 2, 4])], Axes("x", "y"), "light", 300)
    low, high = found.layout.yaxis.range
    assert low < -1 < 7 < high
    log = Axes("x", "y", log_y=True)
    found = picture([line("measured", [1, 2, 3], [0.5, 3, 4])], log, "light", 300)
    low, high = found.layout.yaxis.range
    assert 10**high > 7
    assert min(y - d for y, d in zip([1, 2, 3], found.data[0].error_y.arrayminus, strict=True)) > 0


def test_the_theory_is_named_only_where_its_line_is_seen() -> None:
    measured = line("measured", [1, 2, 3])
    assert coincide([measured, line("theory", [1, 2.001, 3])], log=False)
    assert not coincide([measured, line("theory", [1, 2.5, 3])], log=False)
    assert not coincide([measured], log=False)


def test_formulas_within_sentences_are_written_as_such() -> None:
    assert subscripts("W_Q = W_K = 0 & ‖∂W_V‖") == (
        "W<sub>Q</sub> = W<sub>K</sub> = 0 &amp; ‖∂W<sub>V</sub>‖"
    )
    assert subscripts("my_Run") == "my_Run", "names are left alone"
    assert not [
        c.name for c in CLAIMS for q in c.quantities if "sqrt" in q.words or "_{" in q.words
    ]


def test_the_page_speaks_chinese(page: AppTest) -> None:
    page.session_state[KEPT] = "zh"
    words = said(opened(page, "shattered-gradients"))
    assert "未定" in words, "its seeds do not decide it in the record that ships"
    assert "定理 1" in words
