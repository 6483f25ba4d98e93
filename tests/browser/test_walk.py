"""A person's walk through all pages in one server, with real training on the way.

Each test is a leg of the way, in one server over the same runs; each can also be walked alone.
``make test ARGS="tests/browser/test_walk.py -s"`` prints what is seen at each stop, and a picture
of each is kept in ``test-results/walk``.
"""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, TimeoutError, expect

from core import jobs, presets
from core.config import RunConfig
from core.data import downloads
from core.data.corpora import SHAKESPEARE_BYTES, SHAKESPEARE_SHA256
from core.runs import Run
from core.runs.status import ENDED
from core.verdicts.labels import LIVE
from tests.browser import walking
from tests.browser.driver import Dashboard, choose, press, settled, switch
from tests.browser.walking import Walk, until

pytestmark = pytest.mark.browser
expect.set_options(timeout=90_000)

PAGES = ("Lab", "Learn", "Compare", "Attention", "Anatomy", "Evidence", "Runs", "Glossary")
STEPS = 60  # of most runs: enough for two evaluations, a few seconds of training
FIELD = ".st-key-{} input"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    home = tmp_path_factory.mktemp("walk")
    places = {"XDG_RUNTIME_DIR": str(home), "ADDNORM_CACHE": str(home / "cache")}
    with Dashboard(home / "runs", **places) as one:
        yield one


def ended(run: Run) -> Run:
    until(lambda: run.status in ENDED, f"{run.name} has ended", 240)
    return run


def trained(walk: Walk, name: str = "train") -> Run:
    """The run that pressing a button starts."""
    before = {run.id for run in walk.runs}
    try:
        press(walk.page, name)
    except TimeoutError:
        walk.found.append(f"{name} can't be pressed")
        walk.end()
    until(lambda: {run.id for run in walk.runs} - before, f"pressing {name} starts a run")
    return next(run for run in walk.runs if run.id not in before)


def drawn(walk: Walk, run: Run) -> None:
    """Wait until a run's own curve has points on the screen."""
    walk.page.wait_for_function(
        """id => [...document.querySelectorAll('.st-key-loss .js-plotly-plot')].some(plot =>
          (plot.data ?? []).some(t => t.meta === id && t.x.length > 1))""",
        arg=run.id,
        timeout=120_000,
    )


def say_steps(walk: Walk, steps: int) -> None:
    """Open the fold Training and type a number of steps."""
    field = walk.page.locator(FIELD.format("training_steps"))
    if not field.is_visible():
        walk.page.locator(".st-key-fold_training summary").click()
    field.fill(str(steps))
    field.press("Enter")
    settled(walk.page)


def opened(walk: Walk, query: str = "") -> None:
    walk.page.goto(f"{walk.dashboard.url}/{query}")
    walk.page.locator(".st-key-train button").wait_for(state="attached")
    settled(walk.page)


def back_to(walk: Walk, name: str) -> None:
    """Press Back until a page is open; a page may have written into its address meanwhile."""
    for _ in range(4):
        if walk.place == name:
            break
        walk.page.go_back()
        walk.page.wait_for_timeout(300)
    assert walk.place == name, f"Back does not lead to {name}"
    settled(walk.page)


def what_train_starts_is_said(walk: Walk) -> Run:
    """Train starts what the address and the switches say."""
    wanted = walking.settings_of(walk.page.url)
    run = trained(walk)
    differing = {n: (v, wanted[n]) for n, v in run.config.flat().items() if v != wanted[n]}
    if differing:
        walk.found.append(f"Train starts another network than the address says: {differing}")
        print(f"         found: {walk.found[-1]}", flush=True)
    return run


def test_a_first_run_and_its_twin(dashboard: Dashboard, browser: Browser) -> None:
    """All pages while nothing was trained, while it trains, and after; then a twin."""
    walk = Walk(dashboard, browser, "1-first-run")
    opened(walk)
    for name in (*PAGES[1:], "Lab"):
        walk.stop("nothing trained")
        walk.go(name)

    say_steps(walk, 2 * STEPS)
    first = trained(walk)
    drawn(walk, first)
    walk.stop("training", walking.switches_are_the_address)
    for name in ("Compare", "Lab", "Attention", "Lab", "Anatomy", "Lab", "Runs", "Lab"):
        walk.go(name)
        walk.stop("while it trains" if first.status not in ENDED else "trained")
    ended(first)
    walk.stop("trained", walking.switches_are_the_address)

    press(walk.page, "train_twin")
    twin = trained(walk, "twin_model_placement_post")
    drawn(walk, twin)
    walk.stop("a twin trains")
    ended(twin)
    walk.stop("twins")
    for name in ("Runs", "Attention", "Compare", "Anatomy", "Evidence", "Lab"):
        walk.go(name)
        walk.stop("twins")
        if name == "Compare":
            other_curves(walk)
            walk.stop("twins by other measures")
    one_block(walk)
    walk.go("Lab")
    switch(walk.page, "lab_statistic", "kurtosis")
    choose(walk.page, "lab_observable", "attn.out")
    settled(walk.page)
    walk.stop("another statistic")
    walk.end()


def one_block(walk: Walk) -> None:
    """A layer step by step in numbers, to its last step."""
    walk.go("Anatomy")
    switch(walk.page, "anatomy_section", "One block")
    settled(walk.page)
    expect(walk.page.locator(".anl-matrix").first).to_be_visible()
    walk.stop("one block")
    walk.page.locator(".anl-block").focus()
    walk.page.keyboard.press("End")
    where = walk.page.locator(".anl-block-bar [role=status]")
    expect(where).to_have_text(re.compile(r"^step (\d+) of \1$"))
    walk.stop("the end of one block")
    switch(walk.page, "anatomy_section", "Generate")
    settled(walk.page)


def other_curves(walk: Walk) -> None:
    """Turn every choice of Compare's cards to something else."""
    choose(walk.page, "compare_metric", "grad_norm/total")
    switch(walk.page, "compare_x", "tokens")
    choose(walk.page, "compare_smooth", "0")
    choose(walk.page, "compare_profile", "residual RMS")
    for key in ("compare_log_x", "compare_log", "compare_matrix"):
        settled(walk.page)
        walk.page.locator(f".st-key-{key} label").click()
    settled(walk.page)


def test_what_train_starts_is_what_is_said(dashboard: Dashboard, browser: Browser) -> None:
    """Other settings than the run's that is shown; Back, Forward, reload and a second tab."""
    walk = Walk(dashboard, browser, "2-history")
    if not walk.runs:
        ended(jobs.enqueue(dashboard.store, RunConfig.from_flat({"training.steps": STEPS})))
    opened(walk)
    before = walk.page.locator(".st-key-card_state").bounding_box()
    switch(walk.page, "model_placement", "post")
    settled(walk.page)
    walk.stop("another network", walking.switches_are_the_address)
    after = walk.page.locator(".st-key-card_state").bounding_box()
    below = walk.page.locator(".st-key-loss").bounding_box()
    switch(walk.page, "model_placement", "pre")
    settled(walk.page)
    walk.page.wait_for_timeout(400)
    jumped = walk.page.locator(".st-key-loss").bounding_box()
    assert before
    assert after
    assert below
    assert jumped
    if abs(below["y"] - jumped["y"]) > 2 or abs(after["height"] - before["height"]) > 2:
        walk.found.append(
            f"the page jumps by {below['y'] - jumped['y']:.0f} pixels when the placement changes"
        )
        print(f"         found: {walk.found[-1]}", flush=True)
    say_steps(walk, STEPS + 7)
    switch(walk.page, "model_norm", "rms")
    settled(walk.page)
    walk.stop(
        "settings of its own", walking.switches_are_the_address, walking.both_networks_are_named
    )
    mine = walking.settings_of(walk.page.url)
    walk.go("Compare")
    walk.go("Lab")
    walk.stop("back by the link", walking.switches_are_the_address)
    back_to(walk, "Compare")
    back_to(walk, "Lab")
    walk.stop("Back, and Back again", walking.switches_are_the_address)
    now = walking.settings_of(walk.page.url)
    lost = {name: (value, now[name]) for name, value in mine.items() if now[name] != value}
    assert not lost, f"Back lost what was set: {lost}"
    ended(what_train_starts_is_said(walk))
    walk.page.go_back()
    settled(walk.page)
    walk.stop("Back within the Lab", walking.switches_are_the_address)
    walk.page.go_forward()
    settled(walk.page)
    walk.stop("Forward", walking.switches_are_the_address)
    walk.page.reload()
    walk.page.locator(".st-key-train button").wait_for()
    walk.stop("reloaded", walking.switches_are_the_address)
    query = f"?training_steps={STEPS + 7}&model_norm=rms"
    address = walk.page.url
    walk.page.context.close()
    walk.open_tab()
    walk.page.goto(address)
    walk.page.locator(".st-key-train button").wait_for()
    walk.stop("the same address in another tab", walking.switches_are_the_address)
    opened(walk, query)
    assert {n: v for n, v in walking.settings_of(walk.page.url).items() if mine[n] != v} == {}
    walk.stop("a link", walking.switches_are_the_address)
    run = what_train_starts_is_said(walk)
    drawn(walk, run)
    ended(run)
    walk.stop("trained from a link", walking.switches_are_the_address)
    preset = presets.load(walk.page.locator(FIELD.format("preset")).input_value())
    settled(walk.page)
    # Streamlit may keep the button of the script before beside the new one for a while.
    walk.page.locator(".st-key-preset_undo button:not([disabled])").first.click()
    settled(walk.page)
    assert walking.settings_of(walk.page.url) == preset.config.flat()
    walk.stop("as the preset has it", walking.switches_are_the_address)
    walk.end()


def test_a_layer_is_rewired(dashboard: Dashboard, browser: Browser) -> None:
    """Rewire a layer while the network trains; the picture of this run follows."""
    walk = Walk(dashboard, browser, "3-rewired")
    opened(walk, "?training_steps=3000&model_depth=3&model_width=64")
    run = trained(walk)
    drawn(walk, run)
    press(walk.page, "rewire")
    walk.page.locator(FIELD.format("switch_layers")).fill("2")
    choose(walk.page, "switch_setting", "placement")
    settled(walk.page)
    choose(walk.page, "switch_value", "post")
    settled(walk.page)
    press(walk.page, "switch")
    until(lambda: run.switches, "the running network is rewired")
    walk.page.keyboard.press("Escape")
    press(walk.page, "stop")
    ended(run)
    walk.stop("rewired", drawing_follows_the_rewiring)
    walk.end()


def drawing_follows_the_rewiring(walk: Walk) -> list[str]:
    """A network whose layers differ is not drawn as one whose layers are alike."""
    text = walk.page.locator(".st-key-card_block").inner_text().lower()
    return [] if "post" in text else ["the card of the block ignores that a layer was rewired"]


def test_a_grid_of_four(dashboard: Dashboard, browser: Browser) -> None:
    """From the Lab's dialog to Compare and back."""
    walk = Walk(dashboard, browser, "4-grid")
    already = {run.id for run in walk.runs}
    opened(walk, f"?training_steps={STEPS}&model_depth=3&model_width=32&model_heads=2")
    press(walk.page, "ablation_grid")
    for key, values in (("model_placement", ("pre", "post")), ("model_norm", ("layer", "rms"))):
        for value in values:
            choose(walk.page, f"grid_{key}", value)
            settled(walk.page)
    walk.page.keyboard.press("Escape") if walk.page.locator("[role=listbox]").count() else None
    press(walk.page, "grid_start")
    until(lambda: len(walk.runs) == len(already) + 4, "the grid queues four runs")
    walk.page.wait_for_function("location.pathname === '/compare'")
    walk.stop("a grid begins")
    for run in walk.runs:
        ended(run)
    walk.stop("a grid of four")
    walk.go("Lab")
    walk.stop("after a grid")
    walk.end()


def test_an_own_text_and_a_run_that_fails(
    dashboard: Dashboard, browser: Browser, tmp_path: Path
) -> None:
    """A text is uploaded and learned from; it vanishes, and the next run says so."""
    walk = Walk(dashboard, browser, "5-own-text")
    text = tmp_path / "own.txt"
    text.write_text("to be or not to be, that is the question. " * 400)
    opened(walk, f"?training_steps={STEPS}&model_depth=2&model_width=32&data_corpus=file")
    walk.page.locator(".st-key-fold_data summary").click()
    field = walk.page.locator(".st-key-upload_field input[type=file]")
    field.set_input_files(text)
    expect(walk.page.locator(".st-key-train button")).to_be_enabled()
    settled(walk.page)
    press(walk.page, "other_text")
    expect(walk.page.locator(".st-key-train button")).to_be_disabled()
    settled(walk.page)
    expect(walk.page.locator(".st-key-upload_field")).not_to_contain_text("own.txt")
    field.set_input_files(text)  # the same once more
    expect(walk.page.locator(".st-key-train button")).to_be_enabled()
    settled(walk.page)
    run = what_train_starts_is_said(walk)
    drawn(walk, run)
    ended(run)
    assert run.status == "finished"
    walk.stop("an own text")

    Path(str(run.config.data.path)).unlink()
    press(walk.page, "train")  # refused here, or failed there: either is said
    expect(walk.page.locator("[data-testid=stApp]")).to_contain_text("no file")
    failed = ended(jobs.enqueue(dashboard.store, run.config))
    assert failed.status == "failed"
    opened(walk, f"?lab_runs={failed.id}")
    walk.stop("a run that failed", says_why)
    walk.end()


def test_all_pages_in_the_dark_and_in_narrow_windows(
    dashboard: Dashboard, browser: Browser
) -> None:
    """Whatever was trained, in the other colours and in two narrower windows."""
    walk = Walk(dashboard, browser, "6-windows")
    if not walk.runs:
        ended(jobs.enqueue(dashboard.store, RunConfig.from_flat({"training.steps": STEPS})))
    for width, scheme in ((1440, "dark"), (1024, "light"), (390, "dark")):
        walk.page.context.close()
        walk.open_tab(width, scheme)
        opened(walk, f"?lab_runs={walk.runs[0].id}")
        for name in (*PAGES[1:], "Lab"):
            walk.stop("all runs")
            walk.go(name)
        walk.stop("all runs")
    walk.end()


def says_why(walk: Walk) -> list[str]:
    """A failed run says why, and shows nobody else's attention."""
    found = []
    focus = walking.focused(walk)
    card = walk.page.locator(".st-key-card_state").inner_text()
    if "failed" not in card or "no file" not in card:
        found.append("the state card does not say why the run failed")
    shown = walk.page.evaluate(
        """() => [...window.addnormHub.views].filter(v => v.props?.view === "attention")
          .some(v => v.grid && !v.body.classList.contains("anl-veiled"))"""
    )
    if focus and not focus.snapshots.steps and shown:
        found.append("the attention of another run is shown beside a failed one")
    return found


def line(walk: Walk, name: str, table: str = "runs_table") -> Locator:
    """A run's line in a table."""
    return walk.page.locator(f".st-key-{table} .rt-sheet .rt-line").filter(has_text=name)


def tick(walk: Walk, name: str, table: str = "runs_table") -> None:
    """Tick one run, and wait until the page knows."""
    line(walk, name, table).get_by_role("checkbox").check()
    walk.page.wait_for_timeout(500)  # the page hears of it when the hand rests
    settled(walk.page)


def show_list(walk: Walk, which: str) -> None:
    """Runs or Trash."""
    walk.page.locator(".st-key-runs_view").get_by_role("radio", name=re.compile(which)).click()
    settled(walk.page)


def downloaded(walk: Walk, form: str, to: Path) -> Path:
    """The ticked runs in a form, saved."""
    press(walk.page, "export")
    with walk.page.expect_download() as waiting:
        press(walk.page, f"export_{form}")
    waiting.value.save_as(to)
    walk.page.keyboard.press("Escape")
    settled(walk.page)
    return to


def is_there(walk: Walk, run: Run) -> bool:
    """Whether the runs folder holds a run."""
    return run.id in {one.id for one in walk.runs}


def test_the_story_and_all_that_is_done_to_runs(browser: Browser, tmp_path: Path) -> None:
    """The first press; then rename, tag, export, delete, undo, restore, import, resume."""
    with Dashboard(tmp_path / "runs", ADDNORM_CACHE=str(tmp_path / "cache")) as dashboard:
        walk = Walk(dashboard, browser, "8-runs")
        opened(walk)
        walk.go("Runs")
        press(walk.page, "open_lab")
        press(walk.page, "train_first")
        until(lambda: len(walk.runs) == 2, "the first press starts a pair")
        dies, lives = walk.runs
        for run, preset in ((dies, "post-ln-dies"), (lives, "pre-ln-lives")):
            assert run.config.flat() == presets.load(preset).config.flat()
        drawn(walk, dies)
        walk.stop("the story", walking.switches_are_the_address, walking.both_networks_are_named)
        until(lambda: dies.checkpoints or dies.record.step > 3, "the first of the pair trains")
        press(walk.page, "stop")
        jobs.control(dashboard.store, lives, "stop")
        ended(dies)
        ended(lives)
        walk.stop("a story that was stopped")

        walk.go("Runs")
        tick(walk, "post-ln-dies")
        press(walk.page, "rename")
        field = walk.page.locator(FIELD.format(f"name_{dies.id}"))
        field.fill("the one that dies")
        field.press("Enter")
        until(lambda: dies.name == "the one that dies", "Enter keeps a name")
        settled(walk.page)
        press(walk.page, "tag_runs")
        field = walk.page.locator("[class*=st-key-tags_] input")
        field.fill("kept")
        field.press("Enter")
        walk.page.locator("[class*=st-key-note_] textarea").fill("seen once")
        press(walk.page, "keep_tags")
        until(lambda: dies.meta["tags"] == ["kept"], "a tag is kept")
        until(lambda: dies.meta["note"] == "seen once", "a note is kept")
        line(walk, "pre-ln-lives").locator(".rt-edit").click()
        press(walk.page, "run_cancel")
        settled(walk.page)
        walk.stop("renamed and tagged")

        table = zipfile.ZipFile(downloaded(walk, "csv", tmp_path / "tables.zip"))
        name = next(name for name in table.namelist() if name.endswith("step.csv"))
        rows = list(csv.DictReader(io.StringIO(table.read(name).decode())))
        assert len(rows) == len(dies.series("loss/train")[0])
        kept = downloaded(walk, "zip", tmp_path / "kept.zip")

        press(walk.page, "delete_runs")
        until(lambda: not is_there(walk, dies), "the run is deleted")
        settled(walk.page)
        walk.stop("deleted")
        press(walk.page, "undo_delete")
        until(lambda: is_there(walk, dies), "Undo brings the run back")
        settled(walk.page)
        for again in ("restore_runs", "delete_for_good"):
            tick(walk, "the one that dies")
            press(walk.page, "delete_runs")
            until(lambda: not is_there(walk, dies), "the run is deleted again")
            settled(walk.page)
            show_list(walk, "Trash")
            tick(walk, "the one that dies", "trash_table")
            press(walk.page, again)
            if again == "restore_runs":
                until(lambda: is_there(walk, dies), "the trash gives the run back")
                settled(walk.page)
                show_list(walk, "Runs")
        press(walk.page, "keep_trash")
        settled(walk.page)
        walk.stop("the trash")
        press(walk.page, "delete_trash")
        press(walk.page, "delete_confirmed")
        until(lambda: not dashboard.store.trash.list(), "the trash is emptied")
        settled(walk.page)
        show_list(walk, "Runs")
        press(walk.page, "import_popover")
        walk.page.locator(".st-key-import_runs input[type=file]").set_input_files(kept)
        until(lambda: is_there(walk, dies), "the zip brings the run back")
        walk.page.keyboard.press("Escape")
        settled(walk.page)
        walk.stop("imported")

        tick(walk, "the one that dies")
        press(walk.page, "resume_runs")
        until(lambda: dies.status in LIVE, "the run is taken up again")
        settled(walk.page)
        for answer in ("keep_runs", "delete_stopped"):
            press(walk.page, "delete_runs")
            press(walk.page, answer)
            expect(walk.page.locator(".st-key-keep_runs")).to_be_hidden()  # it is answered
            settled(walk.page)
        until(lambda: not is_there(walk, dies), "a run at work is stopped and deleted")
        tick(walk, "pre-ln-lives")
        press(walk.page, "compare_these")
        walk.page.wait_for_function("location.pathname === '/compare'")
        walk.stop("one of two, compared")
        walk.go("Runs")
        tick(walk, "pre-ln-lives")
        press(walk.page, "open_in_lab")
        walk.page.wait_for_function("location.pathname === '/'")
        walk.page.wait_for_selector(".st-key-train")
        expect(walk.page.locator(".st-key-run_state .anl-name")).to_contain_text("pre-ln-lives")
        walk.stop("one of two, in the Lab")
        walk.end()


def test_advice_that_is_followed_helps(browser: Browser, tmp_path: Path) -> None:
    """Without the corpus a run fails and says what to do; done and restarted, it trains."""
    corpus = shakespeare()
    if corpus is None:
        pytest.skip("tiny-shakespeare is not here")
    data = tmp_path / "data"
    data.mkdir()
    (data / "input.txt").write_bytes(corpus)
    unreachable = {"https_proxy": "http://127.0.0.1:9", "ADDNORM_CACHE": str(tmp_path / "cache")}
    query = f"?training_steps={STEPS}&model_depth=2&model_width=32&data_corpus=tiny-shakespeare"
    dashboard = Dashboard(tmp_path / "runs", **unreachable, ADDNORM_DATA="")
    with dashboard:
        walk = Walk(dashboard, browser, "7-advice")
        opened(walk)  # a worker waits from now on
        opened(walk, query)
        failed = trained(walk)
        ended(failed)
        assert failed.status == "failed"
        assert "ADDNORM_DATA" in failed.record.message
        expect(walk.page.locator(".st-key-card_state")).to_contain_text("ADDNORM_DATA")
        dashboard.end()
        dashboard.environment["ADDNORM_DATA"] = str(data)
        dashboard.start()
        walk.new_errors()  # the connection was lost, as it had to be
        opened(walk, query)
        walk.new_errors()
        run = what_train_starts_is_said(walk)
        ended(run)
        walk.stop("after the advice was followed")
        assert run.status == "finished", f"it still fails: {run.record.message}"
        walk.end()


def shakespeare() -> bytes | None:
    """The corpus, if it is here already."""
    for folder in (os.environ.get("ADDNORM_DATA"), downloads.cache_folder() / "corpora"):
        if folder and Path(folder).is_dir():
            found = downloads.matching(Path(folder), SHAKESPEARE_BYTES, SHAKESPEARE_SHA256)
            if found:
                return found
    return None
