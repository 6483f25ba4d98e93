"""How long a reader of attention waits: 12 layers of 12 heads over 256 tokens."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.driver import Dashboard, open_browser
from tests.fake_runs import finished

# Clocks of the page itself. A picture counts when a frame after its drawing began.
FIRST = """() => new Promise(done => {
  const look = () => {
    const view = window.addnormHub && [...window.addnormHub.views].find(v => v.scrubber)
    if (!view?.picture || !view.large.head) return requestAnimationFrame(look)
    requestAnimationFrame(() => done(performance.now()))
  }
  look()
})"""
SCRUB = """at => new Promise(done => {
  const view = [...window.addnormHub.views].find(v => v.scrubber)
  const step = view.source.stops[at]
  const began = performance.now()
  view.seek(at)
  const look = () => {
    const drawn = view.picture?.step === step && view.large.head && !view.large.asked
    if (!drawn) return requestAnimationFrame(look)
    requestAnimationFrame(() => done(performance.now() - began))
  }
  look()
})"""


def measure() -> dict[str, float]:
    """Every figure by its name, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with Dashboard(Path(folder) / "runs") as dashboard, open_browser() as browser:
            flat = {"model__depth": 12, "model__heads": 12, "model__width": 192}
            first, second = (
                finished(
                    dashboard.store, name, steps=400, training__evaluate_every=20,
                    model__context=256, probes__tokens=256, **flat,
                )
                for name in ("first", "second")
            )  # fmt: skip
            # The server is warm, as it is for most; what is measured is a run that nobody saw yet.
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{dashboard.url}/attention?attention_runs={first.id}")
            page.evaluate(FIRST)
            page.close()
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{dashboard.url}/compare")
            return _read(page, len(second.snapshots.steps))


def _read(page: Page, stops: int) -> dict[str, float]:
    page.locator(".st-key-runs_table").wait_for()
    page.wait_for_timeout(2500)
    page.evaluate("window.began = 0")
    page.evaluate(
        """() => document.addEventListener("click",
          () => (window.began = performance.now()), { once: true, capture: true })"""
    )
    page.get_by_role("link", name="Attention").click()
    first = page.evaluate(FIRST) - page.evaluate("window.began")
    page.wait_for_timeout(1500)
    # Each is far from the last, so that no neighbour was fetched before.
    far = [stops // 2, 1, stops - 4, 5, stops - 8, 8]
    cold = [page.evaluate(SCRUB, at) for at in far if not page.wait_for_timeout(700)]
    near = [page.evaluate(SCRUB, at) for at in (9, 10, 11) if not page.wait_for_timeout(700)]
    return {
        "attention: navigation to the first picture, ms": first,
        "attention: scrub to a far step, ms": statistics.median(cold),
        "attention: scrub to the next step, ms": statistics.median(near),
    }


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name}: {value:.0f}")
