"""The switches are read once for a drawing of the page, and what is drawn is what they hold."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.settings import held

LAB = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "lab.py"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("ADDNORM_RUNS", str(tmp_path))
    return AppTest.from_file(LAB, default_timeout=60)


def test_drawing_the_page_reads_the_switches_a_few_times(lab, monkeypatch):
    reads = []
    read = held._read_widgets
    monkeypatch.setattr(held, "_read_widgets", lambda: reads.append(1) or read())
    lab.run()
    assert not lab.exception
    assert 0 < len(reads) < 12, "each of 54 widgets asks for the others"


def test_what_was_chosen_is_there_at_once(lab):
    lab.run()
    lab.segmented_control(key="model_placement").set_value("none").run()
    assert lab.session_state["model_norm"] == "none", "what it needs was turned with it"
    assert lab.toggle(key="model_embedding_norm").disabled
    lab.segmented_control(key="model_placement").set_value("pre").run()
    assert not lab.exception
    assert held._HELD.values is None


def test_a_start_that_failed_is_said_beside_the_buttons_that_start(lab):
    lab.session_state["start_problem"] = "short.txt has 18 characters."
    lab.run()
    here, elsewhere = (
        [str(e.proto.body) for e in part.get("html")] for part in (lab.sidebar, lab.main)
    )
    assert any("short.txt has 18 characters." in body for body in here)
    assert not any("short.txt" in body for body in elsewhere)
    lab.run()
    assert "short.txt" not in str([e.proto.body for e in lab.sidebar.get("html")])
