"""The Attention page as a person uses it, and its pixels against the stored patterns."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from core.jobs.inspections import inspector_lock
from core.palette import ATTENTION, DIVERGING
from core.runs import Run, RunStore
from core.runs.locks import is_locked
from tests.browser.driver import Dashboard, Watched, choose, settled, switch
from tests.conftest import SMALL
from tests.fake_runs import Faker, LiveFakeRun, config, finished
from tests.farm import wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

GRID, MATRIX, SLIDER = ".anl-grid", ".anl-matrix", ".anl-scrubber-holder canvas"
# The pixel in the middle of each of some cells of a canvas, in the screen's own pixels.
PIXELS = """([selector, places]) => {
  const canvas = document.querySelector(selector)
  const context = canvas.getContext("2d")
  return places.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data])
}"""
VIEW = """name => {
  const view = window.addnormHub && [...window.addnormHub.views].find(v => v.cards && v.scrubber)
  return name === "grid" ? view?.grid.place : view?.large.matrix.place
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("attention") / "runs") as one:
        yield one
        lock = inspector_lock(one.store.root)
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGKILL)
        assert "Traceback" not in (log := one.log.read_text()), log


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page.set_default_timeout(60_000)
    watched = Watched(page)
    yield page
    page.close()
    assert watched.errors == []


def noisy(run: Run, step: int, seed: int) -> np.ndarray:
    """Snapshots that no two heads or steps share."""
    model, size = run.config.model, run.config.probe_length
    scores = np.random.default_rng(seed).normal(0, 2, (model.depth, model.heads, size, size))
    scores = np.where(np.tril(np.ones((size, size), dtype=bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    pattern = (weights / weights.sum(-1, keepdims=True)).astype(np.float16)
    run.snapshots.write(step, pattern)
    return pattern


@pytest.fixture(scope="module")
def pair(dashboard: Dashboard) -> tuple[Run, Run]:
    runs = []
    for seed, name in enumerate(("pre-ln-lives", "post-ln-dies")):
        run = finished(dashboard.store, name, model__depth=6, model__heads=4)
        for step in run.snapshots.steps:
            noisy(run, step, 100 * seed + step)
        runs.append(run)
    return runs[0], runs[1]


def open_page(page: Page, dashboard: Dashboard, *runs: Run, query: str = "") -> None:
    ids = ",".join(run.id for run in runs)
    page.goto(f"{dashboard.url}/attention?attention_runs={ids}{query}")
    drawn(page)


def drawn(page: Page) -> None:
    page.wait_for_function(
        "document.querySelector('.anl-grid')?.getAttribute('aria-label')?.includes('chosen')"
        " && document.querySelector('.anl-stage > .anl-skeleton')?.hidden"
    )
    settled(page)


def chosen(page: Page) -> str:
    return (page.locator(GRID).get_attribute("aria-label") or "").partition("chosen: ")[2]


def address(page: Page) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlparse(page.url).query).items()}


def says(page: Page, selector: str, words: str) -> None:
    expect(page.locator(selector)).to_contain_text(words)


# Pixels


def colours(values: np.ndarray, signed: bool) -> np.ndarray:
    """The colours of probabilities or differences, worked out from the palette alone."""
    if signed:
        at = np.floor(np.sign(values) * np.sqrt(np.abs(values)) * 127 + 128.5)
        stops, place = DIVERGING["light"], (np.maximum((at - 128) / 127, -1) + 1) / 2
    else:
        stops, place = ATTENTION["light"], np.floor(np.sqrt(values) * 255 + 0.5) / 255
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in stops], dtype=float)
    ends = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(place, ends, rgb[:, i]) for i in range(3)], -1)


def assert_cells(page: Page, name: str, values: np.ndarray, places: Any, signed: bool) -> None:
    selector = GRID if name == "grid" else MATRIX
    found = np.array(page.evaluate(PIXELS, [selector, places]))[:, :3]
    expected = colours(values, signed)
    assert np.abs(found - expected).max() <= 1, (found[:5], expected[:5])
    assert len(np.unique(found, axis=0)) > len(places) / 8, "the sample tells nothing"


def grid_cells(place: dict[str, Any], small: np.ndarray, cells: np.ndarray) -> tuple[Any, Any]:
    """Sampled (layer, head, row, column) cells of thumbnails: their pixels and their values."""
    n = small.shape[-1]
    start, side = round(place["label"] * place["scale"]), place["size"] - place["gap"]
    assert side >= n, "one thumbnail's cell is at least a pixel"
    assert not place["across"]
    pixel = lambda k: int((k + 0.5) * side / n)  # noqa: E731
    places = [
        [start + head * place["size"] + pixel(j), start + layer * place["size"] + pixel(i)]
        for layer, head, i, j in cells.tolist()
    ]
    return places, small[tuple(cells.T)]


def largest(pattern: np.ndarray, n: int) -> np.ndarray:
    patch = pattern.shape[-1] // n
    shape = (*pattern.shape[:2], n, patch, n, patch)
    return pattern.astype(np.float32).reshape(shape).max((3, 5))


def sample(shape: tuple[int, ...], many: int, causal: bool = True) -> np.ndarray:
    random = np.random.default_rng(1)
    cells = np.stack([random.integers(0, size, many) for size in shape], -1)
    return cells[cells[:, -1] <= cells[:, -2]] if causal else cells


def test_pixels_are_the_stored_pattern(page: Page, dashboard: Dashboard, pair: Any) -> None:
    open_page(page, dashboard, pair[0], query="&attention_layer=3&attention_head=2")
    pattern = pair[0].snapshots.pattern(400)
    assert chosen(page).startswith("layer 3, head 2 at step 400")
    n = page.evaluate("[...window.addnormHub.views].find(v => v.scrubber).picture.grid.shape[2]")
    small = largest(pattern, n)
    cells = sample((6, 4, n, n), 600)
    places, values = grid_cells(page.evaluate(VIEW, "grid"), small, cells)
    assert_cells(page, "grid", values, places, signed=False)
    assert_head(page, pattern[2, 1].astype(np.float64), signed=False)


def assert_head(page: Page, values: np.ndarray, signed: bool) -> None:
    place = page.evaluate(VIEW, "matrix")
    cell, left = place["size"] / place["n"], round(place["left"] * place["scale"])
    cells = sample(values.shape, 300)
    places = [[left + int((j + 0.5) * cell), int((i + 0.5) * cell)] for i, j in cells.tolist()]
    assert_cells(page, "matrix", values[tuple(cells.T)], places, signed)


def test_pixels_of_a_difference(page: Page, dashboard: Dashboard, pair: Any) -> None:
    query = "&attention_view=difference&attention_layer=5&attention_head=4&attention_step=200"
    open_page(page, dashboard, *pair, query=query)
    a, b = (run.snapshots.pattern(200).astype(np.float32) for run in pair)
    assert chosen(page).startswith("layer 5, head 4 at step 200")
    assert_head(page, (a - b)[4, 3], signed=True)
    says(page, ".anl-legend", "A − B, colour ±√|Δp|")
    open_page(page, dashboard, pair[0], query="&attention_step=200")
    assert page.locator(".st-key-attention_view").count() == 0


# Controls


def test_every_key(page: Page, dashboard: Dashboard, pair: Any) -> None:
    open_page(page, dashboard, pair[0], query="&attention_layer=3&attention_head=2")
    page.locator(GRID).focus()
    for key, place in (
        ("ArrowRight", "layer 3, head 3"),
        ("ArrowDown", "layer 4, head 3"),
        ("ArrowLeft", "layer 4, head 2"),
        ("ArrowUp", "layer 3, head 2"),
    ):
        page.keyboard.press(key)
        assert chosen(page).startswith(place)
    page.keyboard.press("[")
    page.wait_for_function("document.querySelector('.anl-grid').ariaLabel.includes('step 300')")
    page.keyboard.press("]")
    page.wait_for_function("document.querySelector('.anl-grid').ariaLabel.includes('step 400')")
    page.keyboard.press(".")
    says(page, ".anl-listed", "query “F” (1) looks at")
    page.keyboard.press(".")
    says(page, ".anl-listed", "query “i” (2) looks at")
    page.keyboard.press("c")
    says(page, ".anl-listed", "key “i” (2) is looked at by")
    page.keyboard.press("Escape")
    expect(page.locator(".anl-listed")).to_be_hidden()
    page.keyboard.press("v")
    expect(page.locator(".anl-lines-holder")).to_be_visible()
    expect(page.locator(MATRIX)).to_be_hidden()
    page.keyboard.press("v")
    page.keyboard.press("?")
    expect(page.locator(".anl-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".anl-keys")).to_be_hidden()
    slider = page.locator(SLIDER)
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "2")
    page.keyboard.press(" ")  # plays to the end and stops there
    expect(slider).to_have_attribute("aria-valuenow", "5")
    expect(page.get_by_label("Play through the snapshots")).to_be_visible()
    cards = page.locator(".anl-cards")
    cards.focus()
    page.keyboard.press("Home")
    card = page.locator(".anl-head-card").first
    # The cards are those of the step that was played to, once they have come.
    wait_until(
        lambda: (card.get_attribute("aria-label") or "").startswith(
            chosen(page).partition(" at ")[0]
        )
    )


def test_every_pointer(page: Page, dashboard: Dashboard, pair: Any) -> None:
    open_page(page, dashboard, *pair)
    before = reruns_seen(page)
    place = page.evaluate(VIEW, "grid")
    at = {"x": place["label"] + 2.4 * place["cell"], "y": place["label"] + 4.4 * place["cell"]}
    page.locator(GRID).hover(position=at)
    says(page, ".anl-grid-holder .anl-tip", "layer 5, head 3")
    page.locator(GRID).click(position=at)
    assert chosen(page).startswith("layer 5, head 3")
    pattern = pair[0].snapshots.pattern(400)[4, 2].astype(float)
    matrix = page.evaluate(VIEW, "matrix")
    middle = {"x": matrix["left"] + 10.5 * matrix["cell"], "y": 20.5 * matrix["cell"]}
    page.locator(MATRIX).hover(position=middle)
    said = f"{pattern[20, 10]:.3f}" if pattern[20, 10] < 0.01 else f"{pattern[20, 10]:.2f}"
    says(page, ".anl-head-caption", "query “e” (21) looks at “z” (11)")
    says(page, ".anl-head-caption", f"p = {said.removeprefix('0')}")
    page.locator(MATRIX).click(position=middle)
    top = np.argsort(-pattern[20])[:8] + 1
    says(page, ".anl-looked >> nth=0", str(top[0]))
    numbers = page.locator(".anl-looked > span").all_inner_texts()
    assert numbers == [str(i) for i in top]
    page.locator(MATRIX).click(position=middle)
    expect(page.locator(".anl-listed")).to_be_hidden()
    page.locator(MATRIX).click(position=middle, modifiers=["Shift"])
    says(page, ".anl-listed", "(11) is looked at by")
    page.get_by_role("button", name="release").click()
    expect(page.locator(".anl-listed")).to_be_hidden()
    page.get_by_role("button", name="lines").click()
    page.locator(".anl-lines-holder canvas").click(position={"x": 40, "y": 60})
    says(page, ".anl-listed", "looks at")
    page.get_by_role("button", name="matrix").click()
    page.locator(".anl-head-card").nth(3).click()
    label = page.locator(".anl-head-card").nth(3).get_attribute("aria-label") or ""
    assert label.startswith(chosen(page).partition(" at ")[0])
    drag(page)
    page.wait_for_timeout(400)
    assert address(page)["attention_step"] == "0"
    assert reruns_seen(page) == before, "what is chosen in the picture costs no rerun"
    layer, head = address(page)["attention_layer"], address(page)["attention_head"]
    page.reload()
    drawn(page)
    assert chosen(page).startswith(f"layer {layer}, head {head} at step 0")


def drag(page: Page) -> None:
    """From the end to the start, along the curve."""
    box = page.locator(SLIDER).bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 30)
    page.mouse.down()
    for part in (0.8, 0.5, 0.3, 0.02):
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + 30)
    page.mouse.up()
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", "1")


def reruns_seen(page: Page) -> Any:
    """How often the script began or ended since the first call."""
    return page.evaluate(
        """() => {
          if (!window.rerunsSeen) {
            window.rerunsSeen = { count: 0 }
            new MutationObserver(() => window.rerunsSeen.count++).observe(
              document.querySelector('[data-testid=stApp]'),
              { attributes: true, attributeFilter: ['data-test-script-state'] })
          }
          return window.rerunsSeen.count
        }"""
    )


def test_widgets_and_address(page: Page, dashboard: Dashboard, pair: Any) -> None:
    other = finished(dashboard.store, "deeper", model__depth=7, model__heads=4)
    open_page(page, dashboard, pair[0], query="&attention_layer=2&attention_head=3")
    choose(page, "attention_other", "post-ln-dies")
    settled(page)
    switch(page, "attention_view", "B post-ln-dies")
    settled(page)
    says(page, ".anl-panel-head", "post-ln-dies")
    switch(page, "attention_view", "A − B")
    settled(page)
    says(page, ".anl-panel-head", "pre-ln-lives − post-ln-dies")
    choose(page, "attention_sort", "Heads by previous token")
    settled(page)
    page.wait_for_function(
        "document.querySelector('.anl-more')?.textContent.startsWith('previous A − B ')"
    )
    page.locator(GRID).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(500)
    found = address(page)
    assert found["attention_runs"] == f"{pair[0].id},{pair[1].id}"
    assert found["attention_view"] == "difference"
    assert found["attention_sort"] == "previous token"
    assert (found["attention_layer"], found["attention_head"]) == ("2", "4")
    page.reload()
    drawn(page)
    assert chosen(page).startswith("layer 2, head 4")
    says(page, ".anl-panel-head", "pre-ln-lives − post-ln-dies")
    page.wait_for_function(
        "document.querySelector('.anl-more')?.textContent.startsWith('previous A − B ')"
    )
    # Sorted by the score of A, which stands behind the difference.
    told = page.locator(".anl-more").all_inner_texts()
    scores = [float("0" + re.search(r"· A (\.\d+)", text)[1]) for text in told]
    assert scores == sorted(scores, reverse=True)
    choose(page, "attention_other", "deeper")
    settled(page)
    says(page, ".problem", "A has 6 layers, B 7")
    assert other.id in address(page)["attention_runs"]


def test_a_wrong_address_is_said(page: Page, dashboard: Dashboard, pair: Any) -> None:
    query = "&attention_layer=77&attention_head=x&attention_sort=size&attention_view=c"
    open_page(page, dashboard, pair[0], query=",nobody" + query)
    text = page.locator(".stMain").inner_text()
    for words in ("layer = 77", "head = x", "sort = size", "view = c"):
        assert f"The address says attention_{words}" in text
    assert "The address names run nobody" in text


def test_empty_states(page: Page, dashboard: Dashboard, tmp_path: Path) -> None:
    with Dashboard(tmp_path / "runs") as empty:
        page.goto(f"{empty.url}/attention")
        expect(page.get_by_text("No runs yet")).to_be_visible()
        finished(empty.store, "no attention", model__sublayers="feedforward")
        page.reload()
        expect(page.get_by_text("No run with attention yet")).to_be_visible()
        waits = empty.store.create(config("waits"))
        page.goto(f"{empty.url}/attention?attention_runs={waits.id}")
        says(page, ".anl-panel-grid .anl-note", "Waiting for its turn")
        expect(page.locator(".anl-panel-grid .anl-skeleton")).to_be_visible()
        empty.store.delete(waits.id)
        expect(page.get_by_text("No run with attention yet")).to_be_visible()
        page.goto("about:blank")  # before the server ends, whom the page would ask in vain


def test_it_follows_a_run_until_somebody_scrubs_back(page: Page, dashboard: Dashboard) -> None:
    live = LiveFakeRun(dashboard.store, "live", steps=5000, rate=150).start(at=50)
    try:
        open_page(page, dashboard, live.run)
        slider = page.locator(SLIDER)
        first = int(slider.get_attribute("aria-valuemax") or 0)
        page.wait_for_function(
            f"document.querySelector('{SLIDER}').ariaValueMax > {first + 1} &&"
            f" document.querySelector('{SLIDER}').ariaValueMax =="
            f" document.querySelector('{SLIDER}').ariaValueNow"
        )
        slider.focus()
        page.keyboard.press("Home")
        most = int(slider.get_attribute("aria-valuemax") or 0)
        page.wait_for_function(f"document.querySelector('{SLIDER}').ariaValueMax > {most}")
        expect(slider).to_have_attribute("aria-valuenow", "1")
    finally:
        live.stop()


def test_twenty_four_layers_of_sixteen_heads(page: Page, dashboard: Dashboard) -> None:
    flat = {"model__depth": 24, "model__heads": 16, "model__width": 256, "model__context": 512}
    run = dashboard.store.create(
        config("large", probes__tokens=512, training__evaluate_every=400, **flat)
    )
    faker = Faker(run)
    faker.start()
    faker.write(0, 401)
    faker.close()
    faker.status("finished", 400)
    open_page(page, dashboard, run, query="&attention_layer=20&attention_head=6")
    says(page, ".anl-panel-grid", "24 layers × 16 heads")
    says(page, ".anl-panel-grid", "512 tokens")
    pattern = run.snapshots.open(400)
    bytes_ = np.sqrt(pattern.largest(32)) * 255 + 0.5
    assert_grid_maxima(page, bytes_.astype(np.uint8))
    page.keyboard.press("[")
    page.wait_for_function("document.querySelector('.anl-grid').ariaLabel.includes('step 0')")
    bytes_ = np.sqrt(run.snapshots.open(0).largest(32)) * 255 + 0.5
    assert_grid_maxima(page, bytes_.astype(np.uint8))
    page.get_by_role("button", name="lines").click()
    tall = page.evaluate(
        "document.querySelector('.anl-lines-holder').scrollHeight >"
        " 8 * document.querySelector('.anl-lines-holder canvas').clientHeight"
    )
    assert tall, "512 tokens scroll; the canvas holds what is visible"


def assert_grid_maxima(page: Page, small: np.ndarray) -> None:
    """Cells smaller than thumbnails: each pixel is the strongest of those that it covers."""
    place = page.evaluate(VIEW, "grid")
    n, side = small.shape[-1], place["size"] - place["gap"]
    start = round(place["label"] * place["scale"])
    cells = sample((24, 16, side, side), 500, causal=False)
    span = lambda p: slice(p * n // side, max((p + 1) * n // side, p * n // side + 1))  # noqa: E731
    if side >= n:
        span = lambda p: slice(int((p + 0.5) * n / side), int((p + 0.5) * n / side) + 1)  # noqa: E731
    values = np.array([small[h, i][span(y), span(x)].max() for h, i, y, x in cells.tolist()])
    places = [
        [start + head * place["size"] + x, start + layer * place["size"] + y]
        for layer, head, y, x in cells.tolist()
    ]
    found = np.array(page.evaluate(PIXELS, [GRID, places]))[:, :3]
    # The frame of the chosen head lies over the borders of its neighbours, which are gaps.
    far = [k for k, (layer, head, *_) in enumerate(cells.tolist()) if (layer, head) != (19, 5)]
    expected = colours((values / 255.0) ** 2, signed=False)
    assert np.abs(found - expected)[far].max() <= 1


# With a real network


@pytest.fixture(scope="module")
def trained(dashboard: Dashboard) -> list[Run]:
    settings = {**SMALL, "data.corpus": "python-reference", "model.context": 24, "model.heads": 2}
    store = RunStore(dashboard.store.root)
    environment = {**os.environ, "ADDNORM_RUNS": str(store.root), "OMP_NUM_THREADS": "1"}
    for placement in ("pre", "post"):
        flags = [f"--{name}={value}" for name, value in settings.items()]
        subprocess.run(
            [sys.executable, "-m", "core", "train", *flags, "--model.placement", placement],
            env=environment,
            check=True,
            capture_output=True,
        )
    return store.list()[-2:]


def test_an_own_text_and_induction(page: Page, dashboard: Dashboard, trained: list[Run]) -> None:
    open_page(page, dashboard, *trained)
    page.wait_for_function(
        "/induction \\S*\\d/.test(document.querySelector('.anl-more')?.textContent)",
        timeout=120_000,
    )
    says(page, ".anl-head-caption", "induction")
    field = page.locator(".st-key-attention_text input")
    field.fill("the the the")
    field.press("Enter")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "document.querySelector('.anl-panel-grid').textContent.includes('your text, 11 tokens')",
        timeout=120_000,
    )
    expect(page.locator(SLIDER)).to_have_attribute(
        "aria-valuetext", f"step 30 of 30 · {loss(trained[0])}checkpoint 3 of 3"
    )
    switch(page, "attention_view", "A − B")
    page.wait_for_function(
        "document.querySelector('.anl-panel-grid').textContent.includes('your text, 11 tokens') &&"
        " document.querySelector('.anl-legend').textContent.includes('A − B')",
        timeout=120_000,
    )
    page.locator(SLIDER).focus()
    page.keyboard.press("Home")  # another checkpoint is another question
    page.wait_for_function(
        "document.querySelector('.anl-panel-grid').textContent.includes('checkpoint 10')",
        timeout=120_000,
    )
    assert address(page)["attention_text"] == "the the the"
    field.fill("ש and more")
    field.press("Enter")
    says(page, ".problem >> nth=0", "never saw ש")
    says(page, ".anl-panel-grid", "probe text")


def loss(run: Run) -> str:
    return f"loss {run.series('loss/train')[1][-1]:.2f} · "
