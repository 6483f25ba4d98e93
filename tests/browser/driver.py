"""The dashboard as a process, and a real Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from core.jobs.launcher import standby_lock
from core.runs import RunStore
from core.runs.locks import is_locked
from dashboard.ui import kept

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "dashboard" / "app.py"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The system's Chromium or Chrome; None takes the one that Playwright installed."""
    named = os.environ.get("CHROMIUM")
    found = (shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome"))
    return named or next((path for path in found if path), None)


# The keys of what a page still waits for.
AWAITED = """() => {
  const app = document.querySelector('[data-testid=stApp]')
  const key = e => /st-key-(\\S+)/.exec(e.closest('[class*=st-key-]')?.className ?? '')?.[1] ?? ''
  const script = app?.getAttribute('data-test-script-state')
  return [...(script === 'notRunning' ? [] : ['the script']),
    ...[...document.querySelectorAll('.anl-skeleton, .anl-note, .anl-events')]
      .filter(e => e.checkVisibility() && !e.parentElement.closest('.anl-veiled'))
      .filter(e => e.matches('.anl-skeleton') || e.innerText.includes('Loading…'))
      .map(key)]
}"""

# Until nothing changed for a third of a second or, on a page that lives, for three seconds.
STILL = """() => new Promise((still) => {
  const began = performance.now()
  const seen = new MutationObserver(() => (last = performance.now()))
  let last = began
  seen.observe(document.body, { childList: true, subtree: true, attributes: true })
  const look = setInterval(() => {
    const now = performance.now()
    if (now - last < 350 && now - began < 3000) return
    clearInterval(look)
    seen.disconnect()
    still()
  }, 50)
})"""

# Cookies of a reader who was here before: the tour was seen, and all switches are shown.
BEEN_HERE = {kept.TOUR: "seen", kept.VIEW: "all"}


@contextmanager
def open_browser(*flags: str, been_here: bool = True) -> Iterator[Browser]:
    """A headless browser, of a reader who knows the lab or is here for the first time."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *flags])
        if been_here:
            _remember(browser)
        try:
            yield browser
        finally:
            browser.close()


def _remember(browser: Browser) -> None:
    """Whatever is opened in it begins with the cookies of `BEEN_HERE`."""
    cookies = [
        {"name": name, "value": value, "domain": "127.0.0.1", "path": "/"}
        for name, value in BEEN_HERE.items()
    ]
    known = {"cookies": cookies, "origins": []}

    def begun(open_one: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **asked: open_one(**{"storage_state": known, **asked})

    for name in ("new_context", "new_page"):
        setattr(browser, name, begun(getattr(browser, name)))


class Watched:
    """What a page says in its console and what breaks in it."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)


class Dashboard:
    """`streamlit run dashboard/app.py` on a free port, over a runs folder."""

    def __init__(self, runs: Path, app: Path = APP, **environment: str) -> None:
        self.store = RunStore(runs)
        self.log = runs.parent / "dashboard.log"
        self._app = app
        self.environment = {**os.environ, "ADDNORM_RUNS": str(runs), **environment}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dashboard:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(signal.SIGTERM)
        self.end_workers()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "streamlit", "run", str(self._app)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*command, f"--server.port={self.port}", "--server.headless=true"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        for _ in range(1200):
            try:
                urlopen(f"{self.url}/_stcore/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the dashboard does not answer")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server alone; workers go on."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def end_workers(self) -> None:
        """End every worker and standby of the runs folder."""
        locks = [run.path / "lock" for run in self.store.list()]
        standby = standby_lock(self.store)
        for lock in [*locks, standby, standby]:  # a worker may just have made its successor
            if is_locked(lock) and int(lock.read_text()) != os.getpid():
                os.kill(int(lock.read_text()), signal.SIGKILL)
                time.sleep(0.1)


def choose(page: Page, key: str, option: str) -> None:
    """Choose an option of a selectbox by its widget's key."""
    page.locator(f".st-key-{key} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def press(page: Page, key: str) -> None:
    """Press a button by its key, once it may be pressed.

    Streamlit keeps an older one on the page until the script has drawn the new one and ended.
    """
    settled(page)
    page.locator(f".st-key-{key} button:not([disabled]):visible").last.click()


def switch(page: Page, key: str, option: str) -> None:
    """Choose a segment of a segmented control by its widget's key."""
    page.locator(f".st-key-{key}").get_by_role("radio", name=option, exact=True).click()


def settled(page: Page) -> None:
    """Wait until the script of the page has run to its end."""
    page.wait_for_timeout(150)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def at_rest(page: Page, patience: float = 60) -> None:
    """Wait until the page has drawn all that it has to show; for `patience` seconds at most."""
    settled(page)
    page.wait_for_function(f"!({AWAITED})().length", timeout=patience * 1000)
    page.evaluate(STILL)
