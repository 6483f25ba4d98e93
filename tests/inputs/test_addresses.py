"""Addresses of every page: what can't be is a sentence, and the page is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, strategies
from streamlit.testing.v1 import AppTest

from core.runs import Run, RunStore
from dashboard.attention import choices
from dashboard.attention import model as attention
from dashboard.compare import model as compare
from dashboard.lab import model as lab
from dashboard.settings.address import from_address
from dashboard.settings.form import DEFAULTS, KEYS
from tests.inputs.hostile import some, texts

PAGES = Path(__file__).resolve().parents[2] / "dashboard" / "app_pages"
OWN = [
    "preset", "lab_runs", "compare_runs", "compare_hidden", "compare_focus", "compare_step",
    "compare_zoom", "compare_sort", "compare_filter", "compare_metric", "compare_x",
    "compare_smooth", "compare_profile", "compare_log", "group_by", "attention_runs",
    "attention_layer", "attention_head", "attention_step", "attention_lines", "attention_sort",
    "attention_view", "attention_text", "anatomy_run", "anatomy_step", "anatomy_other",
    "anatomy_view", "anatomy_prompt", "anatomy_operations", "evidence_claim", "evidence_group",
    "runs_filter", "runs_tags", "token", "term", "glossary_words", "lesson", "hide",
]  # fmt: skip
names = strategies.sampled_from([*KEYS, *DEFAULTS, *OWN]) | texts
addresses = strategies.dictionaries(names, texts, max_size=6)


def said_well(problems: Mapping[str, list[str]]) -> None:
    for sentences in problems.values():
        assert all(0 < len(sentence) <= 1000 for sentence in sentences)


@some(600)
@given(addresses)
def test_settings(address: dict[str, str]) -> None:
    found, problems = from_address(address)
    said_well(problems)
    assert found.keys() <= DEFAULTS.keys()


@some(250)
@given(addresses)
def test_what_pages_show(run: Run, address: dict[str, str]) -> None:
    store = RunStore(run.path.parent)
    said_well(compare.load(address, store).problems)
    said_well(attention.load(address, store).problems)
    said_well(choices.opened(address, run)[1])
    said_well(lab.load(address, store, DEFAULTS).problems)


@pytest.mark.parametrize("page", [file.stem for file in sorted(PAGES.glob("*.py"))])
def test_a_page_of_a_hostile_address(run: Run, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every parameter of every page at once, three times over."""
    monkeypatch.setenv("ADDNORM_RUNS", str(run.path.parent))
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    for text in ("<img src=x onerror=alert(1)>", "\x1b[2J\u202e'\"", "9" * 3000):
        at = AppTest.from_file(PAGES / f"{page}.py", default_timeout=120)
        for name in (*OWN, *KEYS):
            at.query_params[name] = text
        at.run()
        assert [e.value for e in at.exception] == []
