"""The runs chosen on one page are those with which the next one opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import Run, RunStore
from dashboard.address import chosen
from dashboard.compare.address import Choice
from tests.fake_runs import finished

PAGES = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages"
KEPT = (
    chosen.CHOSEN,
    chosen.STARTED,
    "compare_left",
    "attention_told",
    "attention_own",
    "attention_run",
    "attention_other",
)


@pytest.fixture
def runs(store: RunStore) -> Any:
    """Oldest first; a page of its own accord shows the last one."""
    made = [finished(store, f"run {i}", steps=20, training__seed=i) for i in range(4)]
    for run in made:  # Anatomy looks into runs with a checkpoint; here only its name is read
        (run.path / "checkpoints").mkdir(exist_ok=True)
        (run.path / "checkpoints" / "step-20.json").write_text("{}")
    return made


class Tab:
    """One tab: what its session holds goes with it from page to page; addresses do not."""

    def __init__(self) -> None:
        self.at: AppTest | None = None

    def open(self, page: str, **address: str) -> AppTest:
        at = AppTest.from_file(PAGES / f"{page}.py", default_timeout=120)
        for key in KEPT if self.at else ():
            if key in self.at.session_state:  # type: ignore[union-attr]
                at.session_state[key] = self.at.session_state[key]  # type: ignore[union-attr]
        for name, text in address.items():
            at.query_params[name] = text
        self.at = at.run()
        assert [e.value for e in at.exception] == []
        return at

    def named(self, name: str) -> list[str]:
        """The runs that the page's address names."""
        assert self.at is not None
        found = self.at.query_params.get(name, "")
        text = found[0] if isinstance(found, list) and found else found
        return [id for id in str(text or "").split(",") if id]


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_a_focus_on_compare_is_the_run_of_the_other_pages(runs: list[Run]) -> None:
    a = runs[1].id
    tab = Tab()
    tab.open("compare", compare_focus=a)
    assert tab.open("attention").selectbox(key="attention_run").value == a
    tab.open("lab")
    assert tab.named("lab_runs") == [a]
    assert tab.open("anatomy").selectbox(key="anatomy_run").value == a
    assert tab.named("anatomy_run") == [a], "a reload shows the same run"


def test_a_ticked_pair_is_the_pair_of_the_other_pages(runs: list[Run]) -> None:
    pair = [runs[2].id, runs[0].id]
    tab = Tab()
    tab.open("compare", compare_runs=",".join(pair))
    at = tab.open("attention")
    assert [at.selectbox(key=f"attention_{k}").value for k in ("run", "other")] == pair
    at = tab.open("anatomy")
    assert [at.selectbox(key=f"anatomy_{k}").value for k in ("run", "other")] == pair
    tab.open("lab")
    assert tab.named("lab_runs") == pair
    tab.open("compare")
    assert tab.named("compare_runs") == pair, "what was ticked is ticked when one comes back"


def test_a_run_chosen_elsewhere_is_in_focus_and_the_address_wins(runs: list[Run]) -> None:
    a, b = runs[0].id, runs[1].id
    tab = Tab()
    tab.open("attention").selectbox(key="attention_run").set_value(a).run()
    tab.open("lab")
    assert tab.named("lab_runs")[0] == a
    tab.open("compare")
    assert tab.named("compare_focus") == [a]
    tab.open("anatomy").selectbox(key="anatomy_run").set_value(b).run()
    assert tab.open("attention").selectbox(key="attention_run").value == b
    assert tab.open("attention", attention_runs=a).selectbox(key="attention_run").value == a
    tab.open("compare")
    assert tab.named("compare_focus") == [a], "what an address named is the choice"
    tab.open("lab", lab_runs=b)
    assert tab.named("lab_runs") == [b]


def test_what_a_page_shows_of_its_own_accord_is_no_choice(runs: list[Run]) -> None:
    tab = Tab()
    for page in ("lab", "attention", "anatomy", "compare"):
        at = tab.open(page)
        assert chosen.CHOSEN not in at.session_state, page
        assert chosen.CHOSEN not in at.run().session_state, f"{page}, drawn again"
    assert Tab().open("lab").query_params == {}


def test_the_address_names_what_a_page_shows_of_its_own_accord(runs: list[Run]) -> None:
    tab = Tab()
    tab.open("anatomy")
    assert tab.named("anatomy_run") == [runs[3].id]
    assert tab.named("anatomy_step") == ["20"]
    tab.open("attention")
    assert tab.named("attention_runs") == [runs[3].id]


def test_a_new_checkpoint_is_followed_and_named(runs: list[Run]) -> None:
    tab = Tab()
    at = tab.open("anatomy", anatomy_run=runs[1].id)
    (runs[1].path / "checkpoints" / "step-40.json").write_text("{}")
    at.run()
    assert tab.named("anatomy_step") == ["40"]
    tab.open("anatomy", anatomy_run=runs[1].id, anatomy_step="20")
    assert tab.named("anatomy_step") == ["20"], "a link opens what it names"
    (runs[1].path / "checkpoints" / "step-60.json").write_text("{}")
    at = tab.at
    assert at is not None
    at.run()
    assert tab.named("anatomy_step") == ["20"]


def test_back_to_what_a_page_showed_shows_it_though_another_run_was_chosen(
    runs: list[Run],
) -> None:
    tab = Tab()
    tab.open("attention")
    shown = tab.named("attention_runs")
    tab.open("compare", compare_focus=runs[0].id)
    assert tab.open("attention").selectbox(key="attention_run").value == runs[0].id
    at = tab.open("attention", attention_runs=",".join(shown))
    assert [at.selectbox(key="attention_run").value] == shown


def test_a_deleted_run_is_chosen_no_more(store: RunStore, runs: list[Run]) -> None:
    tab = Tab()
    tab.open("compare", compare_runs=runs[0].id)
    store.delete(runs[0].id)
    assert tab.open("attention").selectbox(key="attention_run").value == runs[3].id
    tab.open("compare")
    assert tab.named("compare_runs") == []


def test_what_a_choice_gives_other_pages_and_takes_from_them() -> None:
    assert Choice().chosen() == ()
    assert Choice("only", ("a", "b", "c")).chosen() == ("a",)
    assert Choice("only", ("a", "b"), focus="b").chosen() == ("b", "a")
    assert Choice("only", ("a", "b", "c"), focus="c").chosen() == ("c",)
    assert Choice("but", ("b", "c")).chosen(("a", "b", "c", "d")) == ("a", "d")
    assert Choice("but", ("b",)).chosen(("a", "b", "c", "d")) == ()
    assert Choice("only", ("a",)).showing(("b", "c")).ids == ("a", "b", "c")
    assert Choice("all", focus="a").showing(("b", "c")).focus is None, "a pair is there to compare"
    shown = Choice("but", ("a", "b")).showing(("b",))
    assert (shown.kind, shown.ids, shown.focus) == ("but", ("a",), "b")
    assert Choice("but", ("b",)).showing(("b",)).kind == "all"


def test_a_run_that_was_started_is_no_choice_and_fades_no_other(runs: list[Run]) -> None:
    pair = [runs[2].id, runs[0].id]
    tab = Tab()
    tab.open("lab")
    assert tab.at is not None
    tab.at.session_state[chosen.STARTED] = tuple(pair)
    at = tab.open("lab", lab_runs=",".join(pair))
    assert chosen.CHOSEN not in at.session_state
    tab.open("compare")
    assert tab.named("compare_focus") == [], "neither half of what was started is faded"
    tab.open("lab", lab_runs=runs[1].id)
    tab.open("compare")
    assert tab.named("compare_focus") == [runs[1].id], "another one, which a link names, is chosen"
