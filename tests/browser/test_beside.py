"""A pretrained model beside a run: by its share of depth, its heads with their sinks apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.pretrained.adopt import adopt
from core.runs import RunStore
from tests.adopted import llama
from tests.browser.driver import Dashboard, choose, settled
from tests.fake_runs import finished

pytest.importorskip("transformers")
pytestmark = pytest.mark.browser
LINES = (
    "key => (document.querySelector(key + ' .js-plotly-plot')?.data ?? [])"
    ".map(({ name, x }) => [name, [...x]])"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dashboard, Any, Any]]:
    """A run of four layers and a pretrained model of three."""
    folder = tmp_path_factory.mktemp("beside")
    store = RunStore(folder / "runs")
    toy = finished(store, "toy", steps=20, model__depth=4)
    real = adopt(store, str(llama(folder / "a real one")))
    with Dashboard(store.root) as dashboard:
        yield dashboard, toy, real


def test_a_model_lies_beside_a_run_by_its_share_of_depth(page: Page, lab: Any) -> None:
    dashboard, toy, _ = lab
    page.goto(f"{dashboard.url}/compare?compare_runs={toy.id}&compare_profile=residual+RMS")
    settled(page)
    choose(page, "compare_beside", "a real one")
    page.wait_for_function(f"({LINES})('.st-key-compare_profiles').length === 2")
    lines = dict(page.evaluate(LINES, ".st-key-compare_profiles"))
    assert lines["toy"] == [0, 0.25, 0.5, 0.75, 1]
    assert lines["a real one"] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    expect(page.locator(".st-key-compare_profiles")).to_contain_text("share of depth")
    choose(page, "compare_beside", "no pretrained model")
    page.wait_for_function(f"({LINES})('.st-key-compare_profiles').length === 1")
    assert dict(page.evaluate(LINES, ".st-key-compare_profiles"))["toy"] == [0, 1, 2, 3, 4]


def test_a_head_s_sink_is_a_bar_of_its_own(page: Page, lab: Any) -> None:
    dashboard, _, real = lab
    page.goto(f"{dashboard.url}/attention?attention_runs={real.id}")
    card = page.locator(".anl-head-card").first
    expect(card.locator(".anl-sink")).to_contain_text("sink ")
    width = "bar => parseFloat(bar.style.width)"
    page.wait_for_function(
        f"({width})(document.querySelector('.anl-head-card .anl-sink .anl-score > div')) > 0"
    )
    assert "sink ." in (card.get_attribute("aria-label") or "")
    assert (card.get_attribute("aria-label") or "").startswith("layer ")
