"""``make pictures``: trains real runs and takes README's pictures of them anew.

A picture is taken only once what README says of it is true of the runs and stands on the page; else
this ends with the sentence that is not true, and all pictures stay as they were.

``python -m tests.pictures FOLDER`` keeps the runs there, and trains only those that it lacks.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, TimeoutError

from core import jobs, presets
from core.catalogue.summary import summary_of
from core.runs import Run, RunStore
from core.runs.status import ENDED
from tests.browser.driver import Dashboard, open_browser, settled
from tests.browser.walking import LOOK

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "assets" / "screenshots"
PAGES = sorted(page.stem.capitalize() for page in (ROOT / "dashboard" / "app_pages").glob("*.py"))
WIDTH = 1440
TALL = 1500  # of a window that shows the whole of the Lab
LOADED = """() => !document.querySelector('.anl-skeleton')
  && ![...document.querySelectorAll('.anl-note, .anl-events, .anl-progress')]
    .some(e => e.checkVisibility() && /Loading…|appears? in a moment/.test(e.innerText))"""

# Leaves of all cards only those that a picture is of: no part of another one reaches into it.
ALONE = """keys => {
  const wanted = keys.map(key => document.querySelector(key))
  for (const card of document.querySelectorAll('.stMain :is([class*=st-key-card_], .anl)'))
    if (!wanted.some(e => e.contains(card) || card.contains(e))) card.style.visibility = 'hidden'
}"""


class UntrueError(Exception):
    """Something that README says is not so."""


@dataclass(frozen=True)
class Runs:
    """What the pictures are of."""

    lives: Run
    dies: Run
    induction: Run
    interrupted: Run


def main() -> None:
    """Train, look, and put the new pictures in the place of the old ones."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        os.environ["XDG_RUNTIME_DIR"] = folder
        home = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(folder)
        taken = Path(folder) / "pictures"
        taken.mkdir()
        with Dashboard(home / "runs") as dashboard:
            try:
                runs = train(dashboard.store)
                check(runs)
                for take in PICTURES:
                    take(Camera(dashboard, browser, taken), runs)
            except (UntrueError, TimeoutError) as error:
                sys.exit(f"No picture was changed: {error}")
        for picture in sorted(taken.glob("*.png")):
            shutil.copy(picture, PLACE / picture.name)
            print(picture.name)
    print(f"{len(PICTURES)} pictures in {time.monotonic() - began:.0f} s, in {PLACE}")


# The runs


def train(store: RunStore) -> Runs:
    """Train what the pictures show, on this machine."""
    lives = _start(store, "pre-ln-lives")
    dies = _start(store, "post-ln-dies", twin_of=lives.id)
    induction = _start(store, "induction")
    interrupted = _start(store, "first-minute")
    every = (lives, dies, induction, interrupted)
    _until(lambda: interrupted.record.step > 60, every)
    if interrupted.status not in ENDED:
        os.kill(int((interrupted.path / "lock").read_text()), signal.SIGKILL)
    _until(lambda: all(run.status in ENDED for run in every), every)
    _true(interrupted.status == "interrupted", f"first-minute is {interrupted.status}")
    return Runs(lives, dies, induction, interrupted)


def _start(store: RunStore, preset: str, **meta: str) -> Run:
    kept = [run for run in store.list() if run.name == preset and run.status in ENDED]
    if kept:
        return kept[-1]
    print(f"training {preset}", flush=True)
    return jobs.enqueue(store, presets.load(preset).config, preset, **meta)


def check(runs: Runs) -> None:
    """What README says of the runs."""
    differing = {
        name
        for name, value in runs.lives.config.flat().items()
        if runs.dies.config.flat()[name] != value
    }
    _true(differing == {"model.placement"}, f"the twins differ in {differing}, not in one switch")
    _true(runs.lives.config.model.depth == 12, "the twins have twelve layers")
    _true(runs.lives.config.optimizer.warmup_steps == 0, "the twins have no warm-up")
    for run, kind in ((runs.lives, "learned"), (runs.dies, "plateau")):
        found = summary_of(run).verdict
        _true(found.kind == kind, f"the verdict of {run.name} is {found.kind}, not {kind}")
    first = runs.dies.series("grad_norm/block")[1][:, 0]
    last = float(np.median(first[-100:]))  # of one step: there are spikes
    _true(
        1.5 < first[0] < 2.5 and 1e-6 < last < 5e-5,
        f"the gradient of post-ln-dies' first layer goes from {first[0]:.1g} to {last:.1e}",
    )
    said = " ".join(str(event.get("text")) for event in runs.dies.events)
    _true("tokens are alike" in said, f"no alarm of post-ln-dies found its tokens alike: {said}")
    loss = float(runs.induction.series("loss/train")[1][-50:].mean())
    _true(
        loss < 2.1, f"the loss of induction ends at {loss:.2f}: no head was found, 1.50 is lowest"
    )


def _true(fact: bool, otherwise: str) -> None:
    if not fact:
        raise UntrueError(otherwise)


def _until(true: Callable[[], object], runs: Sequence[Run], patience: float = 300) -> None:
    """Wait however slow the machine is, but not for runs that stand still."""
    before, since = [run.record.step for run in runs], time.monotonic()
    while not true():
        steps = [run.record.step for run in runs]
        if steps != before:
            before, since = steps, time.monotonic()
        told = ", ".join(f"{run.name} {run.status} at step {run.record.step}" for run in runs)
        _true(time.monotonic() - since < patience, f"training stands still: {told}")
        time.sleep(0.5)


# The camera


class Camera:
    """Opens a page, makes sure that it says what it should, and takes a part of it."""

    def __init__(self, dashboard: Dashboard, browser: Browser, folder: Path) -> None:
        self.dashboard = dashboard
        self.browser = browser
        self.folder = folder
        self.page: Page

    def open(self, path: str, height: int = 900, dark: bool = False) -> Page:
        """A page of the dashboard, at rest, in a window of its own."""
        size: dict[str, int] = {"width": WIDTH, "height": height}
        scheme = "dark" if dark else "light"
        self.page = self.browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        self.page.set_default_timeout(120_000)
        self.page.goto(f"{self.dashboard.url}/{path}")
        links = self.page.locator("[data-testid=stTopNavLink]")
        links.first.wait_for()
        self.rest()
        named = [text.split("\n")[0].strip() for text in links.all_inner_texts()]
        _true(sorted(named) == PAGES, f"the navigation shows {named}, the pages are {PAGES}")
        return self.page

    def rest(self) -> None:
        """Wait until nothing is about to change."""
        settled(self.page)
        with suppress(TimeoutError):
            self.page.wait_for_function(LOADED, timeout=60_000)
        self.page.wait_for_timeout(2500)

    def says(self, selector: str, *words: str) -> None:
        """Make sure that a part of the page says these words."""
        part = self.page.locator(selector).first
        part.wait_for()
        for word in words:
            try:
                self.page.wait_for_function(
                    "([s, w]) => document.querySelector(s)?.innerText.toLowerCase().includes(w)",
                    arg=[selector, word.lower()],
                    timeout=60_000,
                )
            except TimeoutError:
                said = " ".join(part.inner_text().split())[:300]
                raise UntrueError(f"{selector} does not say {word!r}; it says: {said}") from None

    def take(self, name: str, keys: Sequence[str] = (), through: str = "") -> None:
        """The window, down to the end of a part, or what these parts cover; then close it."""
        clip = None
        if keys:
            self.page.evaluate(ALONE, keys)
            clip = self._around(keys)
        elif through:
            part = self._around([through], air=8)
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": part["y"] + part["height"]}
        self.page.mouse.move(2, 2)
        wrong = self.page.evaluate(LOOK)
        _true(not wrong, f"{name}: {'; '.join(wrong)}")
        _true(
            self.page.locator("[data-testid=stException], .problem").count() == 0,
            f"{name} shows an error",
        )
        self.page.screenshot(path=self.folder / f"{name}.png", clip=clip)  # type: ignore[arg-type]
        self.page.context.close()

    def _around(self, keys: Sequence[str], air: int = 6) -> dict[str, float]:
        boxes = [self.page.locator(key).first.bounding_box() for key in keys]
        found = [box for box in boxes if box is not None]
        _true(len(found) == len(keys), f"one of {', '.join(keys)} is not on the page")
        left, top = (min(box[side] for box in found) - air for side in ("x", "y"))
        right = max(box["x"] + box["width"] for box in found) + air
        bottom = max(box["y"] + box["height"] for box in found) + air
        left, top = max(left, 0), max(top, 0)
        return {"x": left, "y": top, "width": right - left, "height": bottom - top}


# The pictures, in README's order


def twins(runs: Runs) -> str:
    """The Lab with the pair, its switches as the pair's first has them."""
    return f"?preset=pre-ln-lives&lab_runs={runs.lives.id},{runs.dies.id}"


def lab_light(camera: Camera, runs: Runs) -> None:
    """One learns, its twin sits on the plateau."""
    camera.open(twins(runs))
    camera.says(".st-key-loss", "plateau")
    camera.says(".st-key-happening", "post-ln-dies", "step")
    camera.take("lab-light")


def lab_dark(camera: Camera, runs: Runs) -> None:
    """The same in the dark."""
    camera.open(twins(runs), dark=True)
    camera.says(".st-key-loss", "plateau")
    camera.take("lab-dark")


def switch(camera: Camera, runs: Runs) -> None:
    """The switches, and the block's equation and drawing."""
    camera.open(twins(runs), TALL)
    camera.says(".st-key-card_block", "pre-LN")
    camera.says("[data-testid=stSidebar]", "Residual", "Placement", "Norm")
    box = camera.page.locator(".st-key-card_block").bounding_box()
    _true(box is not None, "the block's card has no place")
    camera.page.locator(".st-key-card_block svg").first.wait_for()
    camera.take(
        "tour-1-switch",
        [".st-key-preset_row", ".st-key-switch_model_norm", ".st-key-card_block"],
    )


def watch(camera: Camera, runs: Runs) -> None:
    """Loss of two runs, and what happens in words."""
    camera.open(twins(runs), TALL)
    camera.says(".st-key-loss", "pre-ln-lives", "post-ln-dies", "dotted")
    camera.says(".st-key-happening", "step")
    camera.take("tour-2-watch", [".st-key-loss", ".st-key-happening"])


def inside(camera: Camera, runs: Runs) -> None:
    """Gradients of the one that dies, residual stream of both, attention."""
    camera.open(f"?preset=post-ln-dies&lab_runs={runs.dies.id},{runs.lives.id}", TALL)
    camera.says(".st-key-gradients", "gradient norm", "post-ln-dies")
    camera.says(".st-key-residual", "residual stream")
    camera.says(".st-key-attention", "12 layers × 4 heads", "snapshot")
    camera.take("tour-3-inside", [".st-key-gradients", ".st-key-residual", ".st-key-attention"])


def compare(camera: Camera, runs: Runs) -> None:
    """Two runs that a filter chose, what became of them, how they differ."""
    camera.open("compare?compare_filter=model.depth+>%3D+12+and+placement+in+(pre,+post)")
    camera.says(".st-key-runs_table", "pre-ln-lives", "post-ln-dies", "plateau")
    camera.says(".st-key-compare_top", "2 of 4 runs")
    camera.says(".st-key-outcome", "post-ln-dies", "ignores its input", "uses its input")
    camera.says(".st-key-compare_profiles", "gradient norm")
    camera.says(".st-key-card_profile", "placement")
    camera.take("tour-4-compare")


def attention(camera: Camera, runs: Runs) -> None:
    """All heads, one over its tokens, cards by induction."""
    page = camera.open(f"attention?attention_runs={runs.induction.id}")
    page.locator(".anl-head-card").first.wait_for()
    page.wait_for_function(
        "() => !document.querySelector('.anl-head-card .anl-more')?.innerText.includes('–')",
        timeout=90_000,
    )
    camera.says(".anl-head-card", "induction")
    page.locator(".anl-head-card").first.click()
    camera.rest()
    camera.says(".st-key-attention_live", "2 layers × 2 heads", "layer 2", "induction")
    camera.take("tour-5-attention")


def operate(camera: Camera, runs: Runs) -> None:
    """One part switched off, and what the loss and the text do."""
    page = camera.open(f"anatomy?anatomy_run={runs.lives.id}&anatomy_section=operate", TALL)
    page.get_by_role("button", name="layer 6, residual around attention", exact=True).click()
    camera.says(".st-key-operate", "layer 6, residual around attention: off", "loss")
    camera.rest()
    camera.take("tour-6-operate", through=".st-key-operate")


def runs_page(camera: Camera, runs: Runs) -> None:
    """The list, with one that was interrupted."""
    camera.open("runs")
    camera.take("tour-7-runs", through=".st-key-card_runs")


PICTURES = (
    lab_light,
    lab_dark,
    switch,
    watch,
    inside,
    compare,
    attention,
    operate,
    runs_page,
)


if __name__ == "__main__":
    main()
