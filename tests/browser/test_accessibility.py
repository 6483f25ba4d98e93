"""Every page for everyone: axe-core finds nothing serious, keys reach all, text may be large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from dashboard.ui.navigation import names
from dashboard.web import assets
from tests.browser.driver import Dashboard, at_rest
from tests.browser.walking import LOOK
from tests.fake_runs import finished

pytestmark = pytest.mark.browser
AXE = assets.FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
# WCAG 2.2, levels A and AA.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SERIOUS = """async (tags) => {
  const found = await axe.run(document, { resultTypes: ["violations"],
    runOnly: { type: "tag", values: tags } })
  return found.violations.filter(v => ["serious", "critical"].includes(v.impact)).flatMap(v =>
    v.nodes.map(n => ({ rule: v.id, at: n.target.flat().join(" "), html: n.html.slice(0, 220),
      why: (n.failureSummary ?? "").replace(/\\s+/g, " ").slice(0, 300) })))
}"""
# What is Streamlit's own and can't be changed from here: the rule, a piece of the element, why.
STREAMLITS: tuple[tuple[str, str, str], ...] = ()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with Dashboard(tmp_path_factory.mktemp("accessible") / "runs") as one:
        finished(one.store, "pre-ln-lives", steps=120)
        finished(one.store, "post-ln-dies", fate="plateau", steps=120, model__placement="post")
        yield one


def opened(browser: Browser, url: str, **window: Any) -> Page:
    size = {"width": window.pop("width", 1440), "height": window.pop("height", 900)}
    page = browser.new_page(viewport=size, **window)  # type: ignore[arg-type]
    page.set_default_timeout(90_000)
    page.goto(url)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    at_rest(page)
    page.wait_for_timeout(700)  # a widget whose code is fetched late is no element until then
    return page


def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical; what only Streamlit can mend is left out."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(SERIOUS, TAGS)
    return [
        f"{one['rule']} at {one['at']}: {one['html']} ({one['why']})"
        for one in found
        if not any(one["rule"] == rule and piece in one["html"] for rule, piece, _ in STREAMLITS)
    ]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (`make test` does so)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", names())
def test_axe_finds_nothing_serious(
    browser: Browser, dashboard: Dashboard, name: str, scheme: str
) -> None:
    page = opened(browser, f"{dashboard.url}/{'' if name == 'lab' else name}", color_scheme=scheme)
    found = violations(page)
    page.close()
    assert not found, "\n".join(found)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (`make test` does so)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_first_visit(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    with Dashboard(tmp_path / "runs") as empty:
        page = opened(browser, empty.url, color_scheme=scheme, storage_state={})  # no cookies
        page.locator(".tour-card").wait_for()
        found = violations(page)
        page.get_by_role("button", name="Take the tour").click()
        page.wait_for_timeout(500)
        found += violations(page)
        page.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", names())
def test_text_may_be_twice_as_large(browser: Browser, dashboard: Dashboard, name: str) -> None:
    """At 200 % a window of 1440 has room for 720 pixels; nothing is cut or covered."""
    page = opened(
        browser,
        f"{dashboard.url}/{'' if name == 'lab' else name}",
        width=720,
        height=450,
        device_scale_factor=2,
    )
    found = page.evaluate(LOOK)
    page.screenshot(path=f"test-results/twice-{name}.png")
    page.close()
    assert found == []


def focused(page: Page) -> dict[str, Any]:
    """What has the focus: its name, and whether one sees that it has."""
    state: dict[str, Any] = page.evaluate(
        """async () => {
      const e = document.activeElement
      if (!e || e === document.body) return { name: '' }
      const of = e => { const s = getComputedStyle(e)
        return [s.outlineStyle + s.outlineWidth, s.boxShadow, s.borderColor,
          s.backgroundColor].join() }
      // A part of a widget may show it on its frame, or on what stands for it.
      const frames = [e, e.parentElement, e.parentElement?.parentElement, ...e.children,
        e.nextElementSibling, e.closest('label'), e.closest('[role=group]')].filter(Boolean)
      const on = frames.map(of)
      e.blur()
      // React takes its marks away with its next picture.
      await new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))
      const off = frames.map(of)
      e.focus({ preventScroll: true })
      return { name: (e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText
        || e.title || e.getAttribute('aria-labelledby') || e.placeholder || '').trim(),
        tag: e.tagName + '.' + (typeof e.className === 'string' ? e.className : ''), key:
        /st-key-(\\S+)/.exec(e.closest('[class*=st-key-]')?.className ?? '')?.[1] ?? '',
        seen: on.some((one, i) => one !== off[i]) }
    }"""
    )
    return state


def test_the_lab_is_walked_by_tab_alone(browser: Browser, dashboard: Dashboard) -> None:
    """Each stop has a name and shows that it has the focus, the switches and Train among them."""
    page = opened(browser, dashboard.url)
    stops = []
    for _ in range(90):
        page.keyboard.press("Tab")
        stop = focused(page)
        if stop["name"] or stop.get("tag"):
            stops.append(stop)
        elif len(stops) > 40:
            break  # else it began in the middle, and goes on at the top
    page.close()
    reached = {stop["key"] for stop in stops}
    assert {"model_residual", "model_placement", "model_norm", "model_depth", "train"} <= reached
    assert [stop for stop in stops if not stop["name"]] == []
    assert [stop for stop in stops if not stop["seen"]] == []
