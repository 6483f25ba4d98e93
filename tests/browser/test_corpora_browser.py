"""Texts and tokenizers as a person uses them: pieces of a text, a large corpus, bits per byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.files import write_json
from core.runs import RunStore
from tests.browser.driver import Dashboard, settled
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    store = RunStore(tmp_path_factory.mktemp("corpora") / "runs")
    for name, unit, size in (("letters", "character", 1.0), ("pairs", "token", 2.5)):
        run = finished(store, name, "lives", steps=120)
        write_json(run.path / "corpus.json", {**run.corpus, "unit": unit, "bytes_per_token": size})
    cache = tmp_path_factory.mktemp("cache")
    with Dashboard(store.root, ADDNORM_CACHE=str(cache)) as one:
        yield one
        assert "Traceback" not in (log := one.log.read_text()), log


def test_a_typed_text_is_shown_in_pieces(dashboard: Dashboard, page: Page) -> None:
    page.goto(f"{dashboard.url}/?data_tokenizer=bytes")
    settled(page)
    page.locator(".st-key-fold_data summary").click()
    area = page.locator(".st-key-tokens_text textarea")
    area.fill("aé\n")
    area.press("Control+Enter")
    pieces = page.locator(".tokens .token")
    expect(pieces).to_have_count(4)
    assert pieces.locator("small").all_inner_texts() == ["97", "195", "169", "10"]
    assert pieces.locator("span").all_inner_texts() == ["a", "\ufffd", "\ufffd", "↵"]
    expect(page.locator(".token-count")).to_have_text(
        "4 tokens, 1.00 bytes each; 256 in the vocabulary."
    )


def test_losses_of_different_tokens_are_drawn_in_bits_per_byte(
    dashboard: Dashboard, page: Page
) -> None:
    page.goto(f"{dashboard.url}/compare")
    settled(page)
    metric = page.locator(".st-key-compare_metric input")
    expect(metric).to_have_value("bits_per_byte/validation")
    card = page.locator(".st-key-card_curves")
    expect(card).to_contain_text("bits per byte compare them")
    page.goto(f"{dashboard.url}/compare?compare_metric=loss/train")  # what was asked for is drawn
    settled(page)
    expect(metric).to_have_value("loss/train")
    expect(card).to_contain_text("losses of different tokens do not compare")


def test_a_large_corpus_says_how_far_it_is_and_stops(
    dashboard: Dashboard, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "large.txt"
    line = "The norm of a vector is the root of its squares, and so on and on.\n" * 15_000
    with path.open("w") as file:
        for _ in range(500):
            file.write(line)
    page.goto(f"{dashboard.url}/?data_path={path}&data_tokenizer=bytes&training_steps=20")
    settled(page)
    page.locator(".st-key-train button").click()
    state = page.locator(".st-key-card_state")
    expect(state).to_contain_text(re.compile(r"large\.txt: [\d.]+ of 4\d\d\.\d MB \(\d+%\)"))
    page.locator(".st-key-stop button").click()
    expect(state).to_contain_text("it was stopped while its corpus was prepared")
