"""A walk through the dashboard: what is looked at after each step, and what was seen.

Each check is a small function from a walk to sentences, one for each thing that is wrong. A walk
goes on where something is wrong, prints it beside the step, and fails at its end.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlparse

import numpy as np
from playwright.sync_api import Browser, Locator, Page, TimeoutError

from core import palette
from core.runs import Run
from core.runs.status import ENDED
from dashboard.settings.address import from_address
from dashboard.settings.form import DEFAULTS
from tests.browser.driver import AWAITED, Dashboard, Watched, at_rest

LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")
SHOTS = Path(__file__).resolve().parents[2] / "test-results" / "walk"

LINK = "[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]"

# What each page promises once there is a run, by the keys of its parts.
LAB = ("card_block", "card_state", "loss", "happening", "gradients", "residual", "card_activation")
PROMISED = {
    "Lab": LAB,
    "Learn": ("card_lesson_post-ln-warm-up", "open_post-ln-warm-up"),
    "Compare": ("runs_table", "compare_curves", "compare_profiles", "outcome"),
    "Attention": ("attention_bar", "attention_live"),
    "Anatomy": ("anatomy_line",),
    "Evidence": ("claims_table", "card_claim", "fig_evidence", "card_repeat"),
    "Runs": ("card_runs",),
    "Glossary": ("term_residual", "term_warm_up", "term_entropy", "term_sweep"),
}
PARTS = """keys => Object.fromEntries(keys.map(key => {
  const e = document.querySelector(`.st-key-${key}`), b = e?.getBoundingClientRect()
  const drawn = e && (e.querySelector('canvas, svg, input') || e.innerText.trim().length > 20)
  return [key, !e ? 'is not there' : b.width < 40 || b.height < 20 ? 'has no room'
    : !drawn ? 'is empty' : /Loading…|could not be loaded/.test(e.innerText) ? 'still loads' : '']
}))"""
# Of every line in every chart: its run, its steps one after the other, and its colour.
LINES = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => (plot.data ?? [])
  .filter(t => t.x?.length && (t.mode ?? '').includes('lines') && !t.fill)
  .map(t => ({
    key: /st-key-(\\S+)/.exec(plot.closest('[class*=st-key-]')?.className)?.[1] ?? '',
    run: typeof t.meta === 'string' ? t.meta : '', name: t.name ?? '', x: [...t.x],
    color: t.line?.color ?? '', axis: plot.layout?.xaxis?.title?.text ?? '',
  })))"""
# What the parts on the page ask for; of a run that none of them draws the last points are left out.
SERIES = """() => {
  const hub = window.addnormHub, asks = hub?.asks()
  return [...hub?.runs ?? []].flatMap(([run, live]) => [...live.series]
    .filter(([metric, s]) => !s.missing && s.steps.length
      && asks.runs.includes(run) && asks.of(run).includes(metric))
    .map(([metric, s]) => (
      { run, metric, state: live.state, steps: [...s.steps], width: s.width ?? 1 })))
}"""
# Each part's runs: id, name, colour.
KNOWN = """() => [...window.addnormHub?.views ?? []]
  .map(v => [...v.props?.runs ?? [], ...v.props?.rows ?? []].filter(r => r.name)
    .map(r => [r.id, r.name, r.colour ?? null]))
  .filter(runs => runs.length)"""
NUMBERS = """() => {
  const card = document.querySelector('.st-key-run_state')
  const text = selector => card.querySelector(selector).innerText
  return card && { name: text('.anl-name'), status: text('.anl-status'),
    numbers: [...card.querySelectorAll('.anl-numbers dd')]
      .map(d => d.innerText.replace(/[\\s,]/g, '')) }
}"""
# What is still to come; empty once the page is at rest.
SHOWN = """() => {
  const text = selector => document.querySelector(selector)?.innerText.trim()
  const chosen = key => text(`.st-key-${key} [role=radio][aria-checked=true]`)
  const beside = key => text(`.st-key-switch_${key} .aside`)?.split(' ')[0]
  return {
    'model.residual': chosen('model_residual'), 'model.placement': chosen('model_placement'),
    'model.norm': chosen('model_norm'), 'model.init': chosen('model_init'),
    'model.depth': beside('model_depth'),
    'optimizer.warmup_steps': beside('optimizer_warmup_steps'),
    'training.steps': text('.st-key-fold_training .fold-values')?.split(' ')[0],
  }
}"""


class Walk:
    """One browser's way through one dashboard."""

    def __init__(self, dashboard: Dashboard, browser: Browser, name: str) -> None:
        self.dashboard = dashboard
        self.browser = browser
        self.folder = SHOTS / name
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("*.png"):
            old.unlink()
        self.found: list[str] = []
        self.stops = 0
        # What each run is called, and on which page first, while the folder holds the same runs.
        self.names: dict[tuple[str, frozenset[object]], tuple[str, str]] = {}
        self.began = time.monotonic()
        self._log_read = 0
        self._watched: Watched
        self.page: Page
        self.open_tab()

    def open_tab(self, width: int = 1440, scheme: str = "light") -> Page:
        """A new tab in a window of this width; the walk goes on in it."""
        height = {1440: 900, 1024: 768}.get(width, 844)
        size: Any = {"width": width, "height": height}
        context = self.browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        self.page = context.new_page()
        self.page.set_default_timeout(120_000)
        self._watched = Watched(self.page)
        self.scheme: palette.Mode = "dark" if scheme == "dark" else "light"
        self.width = width
        return self.page

    @property
    def place(self) -> str:
        """The page that is open, by its name in the navigation."""
        path = urlparse(self.page.url).path.strip("/")
        return path.capitalize() or "Lab"

    @property
    def runs(self) -> list[Run]:
        """All runs on disk, oldest first."""
        return self.dashboard.store.list()

    def go(self, name: str) -> None:
        """To another page by its link."""
        link = self.page.locator(LINK, has_text=name).first
        path = "/" if name == "Lab" else f"/{name.lower()}"
        there = "path => location.pathname === path"
        for _ in range(10):
            aside = self.page.locator("[data-testid=stExpandSidebarButton]")
            if aside.is_visible() and (not link.count() or not _in_sight(link)):
                aside.click()  # a narrow window keeps them in a drawer
                self.page.wait_for_timeout(500)  # which slides in
            # A page that is just being drawn may fold the drawer again.
            with contextlib.suppress(TimeoutError):
                link.click(timeout=5000)
                break
        self.page.wait_for_function(there, arg=path)

    def stop(self, name: str, *more: Callable[[Walk], list[str]]) -> None:
        """Stand still, look at everything, keep a picture, and say what was seen."""
        self._rest()
        found = self._look(*more)
        if found:  # a live page may have been between two ticks
            self.page.wait_for_timeout(1500)
            self._rest()
            found = self._look(*more)
        self.stops += 1
        file = f"{self.stops:02d}-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}.png"
        self.page.screenshot(path=self.folder / file)
        at = f"{time.monotonic() - self.began:5.0f} s  {self.width} {self.scheme}"
        print(f"{at}  {name} ({self.place}): {self._seen()}", flush=True)
        for sentence in found:
            print(f"         found: {sentence}", flush=True)
            self.found.append(f"{name}: {sentence}")

    def end(self) -> None:
        """Fail if anything was wrong on the way."""
        print(
            f"{self.stops} stops, {len(self.found)} findings, pictures in {self.folder}", flush=True
        )
        assert not self.found, "\n".join(dict.fromkeys(self.found))

    def new_log(self) -> str:
        """What the server said since it was asked last."""
        text = self.dashboard.log.read_text(errors="replace")[self._log_read :]
        self._log_read += len(text)
        return text

    def new_errors(self) -> list[str]:
        """What the browser's console said since it was asked last."""
        errors = [*self._watched.errors]
        self._watched.errors.clear()
        return errors

    def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):  # the checks say what is missing
            at_rest(self.page, patience=15)

    def _look(self, *more: Callable[[Walk], list[str]]) -> list[str]:
        return [sentence for check in (*CHECKS, *more) for sentence in check(self)]

    def _seen(self) -> str:
        lines = self.page.evaluate(LINES)
        states = [f"{run.name} {run.status} {run.record.step}" for run in self.runs]
        return f"{len(lines)} lines drawn; {', '.join(states[-4:]) or 'no run'}"


# The checks


def nothing_failed(walk: Walk) -> list[str]:
    """No traceback in the server's log, no error in the browser's console."""
    log = walk.new_log()
    at = re.findall(r"^\S*(?:Traceback|\w*Error\b).*$", re.sub(r"\x1b\[[\d;]*m", "", log), re.M)
    return [f"the server says {line[:150]}" for line in at[-2:]] + [
        f"the console says {text[:150]}" for text in walk.new_errors()
    ]


def looks_right(walk: Walk) -> list[str]:
    """At rest, no exception, nothing covered, nothing cut, nothing beside the window."""
    awaited = walk.page.evaluate(AWAITED)
    found: list[str] = [f"the page still waits for {', '.join(awaited)}"] if awaited else []
    return [*found, *walk.page.evaluate(LOOK)][:9]


def train_is_there(walk: Walk) -> list[str]:
    """On the Lab, Train and its twin can be pressed, and what they cost is said."""
    if walk.place != "Lab":
        return []
    if walk.page.locator("[data-testid=stSidebar][aria-expanded=false]").count():
        return []  # a narrow window shows the switches on demand
    found = []
    for key in ("train", "train_twin"):
        button = walk.page.locator(f".st-key-{key} button")
        if not button.count() or not button.first.is_visible():
            found.append(f"{key} is not there")
        elif not button.first.is_enabled():
            found.append(f"{key} can't be pressed")
    cost = walk.page.locator(".cost")
    if not cost.count() or "parameters" not in cost.first.inner_text():
        found.append("what Train costs is not said")
    return found


def parts_are_there(walk: Walk) -> list[str]:
    """Every part that the page promises is there and not empty."""
    if not walk.runs:
        return []
    keys = list(PROMISED[walk.place])
    if walk.place == "Lab" and (focus := focused(walk)) and "attention" in focus.config.model.parts:
        keys.append("attention")
    parts: Mapping[str, str] = walk.page.evaluate(PARTS, keys)
    return [f"{key} {problem}" for key, problem in parts.items() if problem]


def steps_are_true(walk: Walk) -> list[str]:
    """Every line runs forward; every series has the steps that are on disk, as many and no more."""
    found = []
    series = {(s["run"], s["metric"]): s for s in walk.page.evaluate(SERIES)}
    for (id, metric), one in series.items():
        name = f"{metric} of {_name(walk, id)}"
        if back := _back(one["steps"]):
            found.append(f"{name} has {back} steps back among {len(one['steps'])}")
        if problem := _unlike_disk(walk, one):
            found.append(f"{name} {problem}")
    for line in walk.page.evaluate(LINES):
        name = f"the line {line['name'] or 'without a name'} in {line['key']}"
        if back := _back(line["x"]):
            found.append(f"{name} has {back} steps back among {len(line['x'])}")
        own = series.get((line["run"], "loss/train"))
        if own and line["axis"] == "step" and own["width"] == 1 and own["state"] in ENDED:
            drawn = sum(x is not None for x in line["x"])
            if drawn != len(own["steps"]):
                found.append(f"{name} has {drawn} points for {len(own['steps'])} steps")
    return found


def numbers_are_true(walk: Walk) -> list[str]:
    """The numbers of the state card are those of the run's directory, once it has ended."""
    card = walk.page.evaluate(NUMBERS)
    focus = focused(walk)
    if walk.place != "Lab" or card is None or focus is None:
        return []
    found = []
    if card["name"] not in {
        focus.name,
        *(n for (id, _), (n, _) in walk.names.items() if id == focus.id),
    }:
        found.append(f"the state card is of {card['name']}, the run in focus is {focus.name}")
    if focus.status not in ENDED:
        return found
    step, loss, gradient = card["numbers"][:3]
    record = focus.record
    if step != f"{record.step}/{record.steps}":
        found.append(f"the state card says step {step}, on disk it is {record.step}/{record.steps}")
    for what, said, metric in (
        ("loss", loss, "loss/train"),
        ("gradient norm", gradient, "grad_norm/total"),
    ):
        true = _last(focus, metric)
        if not _same(said, true):
            found.append(f"the state card says {what} {said}, on disk it is {true}")
    return found


def runs_keep_their_looks(walk: Walk) -> list[str]:
    """A run has one colour on all pages, its line too, and one name.

    A name that was made from settings changes with the runs that the folder holds and with their
    wiring, but no other page calls the run differently, and no other run is called the same.
    """
    found = []
    ids = {run.id: run for run in walk.runs}
    folder = frozenset((run.id, run.name, len(run.switches)) for run in ids.values())
    for shown in walk.page.evaluate(KNOWN):
        shown = [one for one in shown if one[0] in ids]
        names = Counter(name for _, name, _ in {id: (id, n, c) for id, n, c in shown}.values())
        found += [f"{n} runs are called {name}" for name, n in names.items() if n > 1]
        for id, name, colour in shown:
            known, where = walk.names.setdefault((id, folder), (name, walk.place))
            if name != known:
                found.append(f"{known} on {where} is {name} on {walk.place}")
            if colour is not None and colour != ids[id].meta["colour"]:
                found.append(f"{name} has colour {colour}, on disk it is {ids[id].meta['colour']}")
    colours = palette.RUNS[walk.scheme]
    for line in walk.page.evaluate(LINES):
        if line["run"] in ids and line["key"] in ("loss", "compare_curves"):
            colour = int(ids[line["run"]].meta["colour"])  # type: ignore[call-overload]
            own = colours[colour % len(colours)]
            if line["color"].lower() not in (own, *_faded(own)):
                found.append(f"{line['name']} is drawn in {line['color']}, its colour is {own}")
    return found


CHECKS = (
    nothing_failed,
    looks_right,
    train_is_there,
    parts_are_there,
    steps_are_true,
    numbers_are_true,
    runs_keep_their_looks,
)


def switches_are_the_address(walk: Walk) -> list[str]:
    """What the switches show is what the address says."""
    wanted = settings_of(walk.page.url)
    shown = walk.page.evaluate(SHOWN)
    return [
        f"{dotted} is {value} on the page and {wanted[dotted]} in the address"
        for dotted, value in shown.items()
        if value is not None and value.replace(",", "") != str(wanted[dotted])
    ]


def both_networks_are_named(walk: Walk) -> list[str]:
    """Where the next run differs from the one that is shown, the drawing says which is which."""
    text = walk.page.locator(".st-key-card_block").inner_text().lower()
    missing = [words for words in ("this run", "next run") if words not in text]
    return [f"the card of the block does not say {' or '.join(missing)}"] if missing else []


# What the checks need


def settings_of(address: str) -> dict[str, Any]:
    """Every setting as an address of the Lab means it."""
    found, problems = from_address(dict(parse_qsl(urlparse(address).query)))
    assert not problems, problems
    return {**DEFAULTS, **found}


def focused(walk: Walk) -> Run | None:
    """The run that the Lab shows."""
    named = dict(parse_qsl(urlparse(walk.page.url).query)).get("lab_runs", "").split(",")[0]
    runs = walk.runs
    return next((run for run in runs if run.id == named), runs[-1] if runs else None)


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for something that happens outside of the browser; `what` says it in words."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{seconds:.0f} s passed, and still not: {what}"
        time.sleep(0.1)


def _back(steps: list[Any]) -> int:
    """How often a line does not go forward; a gap starts it anew."""
    return sum(1 for a, b in _pairs(steps) if b <= a)


def _pairs(steps: list[Any]) -> Iterator[tuple[float, float]]:
    for a, b in itertools.pairwise(steps):
        if isinstance(a, int | float) and isinstance(b, int | float):
            yield a, b


def _unlike_disk(walk: Walk, one: Mapping[str, Any]) -> str:
    run = next((run for run in walk.runs if run.id == one["run"]), None)
    if run is None or one["metric"].startswith("difference/"):
        return ""
    try:
        cadence = run.cadence_of(one["metric"])[0] if one["metric"] != "seconds" else "step"
        disk = run.rows(cadence, []).steps.tolist()
    except KeyError:
        return f"has {len(one['steps'])} points, on disk there are none"
    if strange := set(one["steps"]) - set(disk):
        return f"has step {min(strange)}, which is not on disk"
    if one["width"] == 1 and one["state"] in ENDED and run.status in ENDED:
        if len(one["steps"]) != len(disk):
            return f"has {len(one['steps'])} points, on disk there are {len(disk)}"
    elif one["width"] == 1 and one["steps"] != disk[: len(one["steps"])]:
        return "lacks steps that are on disk"
    return ""


def _last(run: Run, metric: str) -> float | None:
    try:
        values = np.asarray(run.series(metric)[1], dtype=float)
    except KeyError:
        return None
    return float(values[-1]) if len(values) else None


def _same(said: str, true: float | None) -> bool:
    """Whether a number as it is said is the true one, to the digits that are said."""
    if true is None or not math.isfinite(true):
        return said in ("–", "NaN", "∞", "-∞")
    try:
        value = float(said.replace("−", "-"))
    except ValueError:
        return False
    digits = len(said.split("e")[0].replace("-", "").replace(".", "").lstrip("0"))
    return abs(value - true) <= max(abs(true) * 10.0 ** (1 - max(digits, 1)), 1e-12)


def _faded(colour: str) -> Iterator[str]:
    """The colour behind another that stands out."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    for alpha in ("0.13", "0.25", "0.75"):
        yield f"rgba({r},{g},{b},{alpha})"


def _name(walk: Walk, id: str) -> str:
    return next((run.name for run in walk.runs if run.id == id), id)


def _in_sight(link: Locator) -> bool:
    """Whether a link stands inside of the window; a closed drawer lies beside it."""
    box = link.bounding_box() if link.is_visible() else None
    return box is not None and box["x"] >= 0
