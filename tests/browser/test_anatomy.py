"""The Anatomy page as a person uses it, by mouse and by keys, on networks trained a moment ago."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from core.anatomy.block_steps import observables, steps
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.jobs import inspections
from core.runs import Run
from core.runs.locks import is_locked
from dashboard.anatomy.generate import beginning
from tests.browser.driver import Dashboard, Watched, choose, press, settled, switch
from tests.fake_runs import LiveFakeRun
from tests.farm import wait_until
from tests.subjects import trained

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

DRAWN = "s => Boolean(document.querySelector(s + ' .anl-plot')?._fullLayout)"
PICTURE = "s => document.querySelector(s + ' .anl-plot').data"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Two small networks with three checkpoints each, and one of another family."""
    with Dashboard(tmp_path_factory.mktemp("anatomy") / "runs") as one:
        kept = {"training__checkpoint_every": 20, "model__context": 24}
        trained(one.store, 60, **kept, model__placement="post").update_meta(name="post")
        trained(one.store, 60, **kept).update_meta(name="pre")
        yield one
        lock = inspections.inspector_lock(one.store.root)
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGKILL)
        assert "Traceback" not in (log := one.log.read_text()), log


def open_page(page: Page, dashboard: Dashboard, query: str = "") -> None:
    page.goto(f"{dashboard.url}/anatomy?{query}")
    page.locator(".st-key-anatomy_line").wait_for()
    settled(page)


def address(page: Page) -> dict[str, str]:
    return {
        name: values[0]
        for name, values in parse_qs(urlparse(page.evaluate("location.href")).query).items()
    }


def said(page: Page, name: str, value: str | None) -> None:
    wait_until(lambda: address(page).get(name) == value)


def part(page: Page, words: str) -> Locator:
    return page.locator(".st-key-operate").get_by_role("button", name=words, exact=True)


def asked(run: Run, kind: str) -> list[inspections.Inspection]:
    written = (run.path / "inspections").glob("*/request.json")
    found = [inspections.find(run, one.parent.name) for one in written]
    return [one for one in found if one.kind == kind]


def run_named(dashboard: Dashboard, name: str) -> Run:
    return next(run for run in dashboard.store.list() if run.name == name)


def test_text_is_written_token_by_token_and_its_tokens_can_be_walked(page, dashboard):
    open_page(page, dashboard)
    text = page.locator(".anl-text")
    expect(text).to_have_attribute("aria-busy", "false")
    expect(page.locator(".anl-token")).to_have_count(160)
    pre = run_named(dashboard, "pre")
    question = inspections.look(pre, "generate", prompt=beginning(pre), length=160)
    assert question
    shown = "".join(page.locator(".anl-token").all_text_contents()).replace("↵\n", "\n")
    assert shown == question.result["text"]
    text.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    second = question.result["tokens"][1]
    detail = page.locator(".anl-detail")
    expect(detail).to_contain_text(f"entropy {second['entropy']:.2f}")
    expect(detail.locator(".anl-choice")).to_have_count(len(second["alternatives"]))
    page.locator(".anl-token").nth(5).hover()
    expect(page.locator(".anl-token").nth(5)).to_have_class("anl-token anl-picked")

    slider = page.locator(
        ".st-key-anatomy_temperature input, .st-key-anatomy_temperature [role=slider]"
    )
    slider.first.focus()
    page.keyboard.press("ArrowRight")
    said(page, "anatomy_temperature", "0.85")
    for key, value in (("top_k", "3"), ("length", "12"), ("seed", "7")):
        box = page.locator(f".st-key-anatomy_{key} input")
        box.fill(value)
        box.press("Enter")
        said(page, f"anatomy_{key}", value)
    slider = page.locator(".st-key-anatomy_top_p input, .st-key-anatomy_top_p [role=slider]")
    slider.first.focus()
    page.keyboard.press("ArrowLeft")
    said(page, "anatomy_top_p", "0.95")
    box = page.locator(".st-key-anatomy_prompt input")
    box.fill("The ")
    box.press("Enter")
    said(page, "anatomy_prompt", "The ")
    expect(page.locator(".anl-token")).to_have_count(12)
    choose(page, "anatomy_other", "post")
    expect(page.locator(".anl-written")).to_have_count(2)
    expect(page.locator(".anl-written").last.locator(".anl-token")).to_have_count(12)

    press(page, "ask_score")
    expect(page.locator(".st-key-card_scored")).to_contain_text("perplexity")
    page.wait_for_function(DRAWN, arg=".st-key-fig_position")
    (score,) = asked(pre, "score")
    expect(page.locator(".st-key-card_scored")).to_contain_text(f"{score.result['perplexity']:.3f}")
    press(page, "ask_continuations")
    expect(page.locator(".st-key-card_continued")).to_contain_text("ROUGE-L")
    page.reload()
    expect(page.locator(".anl-token").first).to_be_visible()
    expect(page.locator(".st-key-anatomy_prompt input")).to_have_value("The ")
    expect(page.locator(".st-key-card_scored")).to_contain_text("perplexity")  # from the cache


def test_a_run_without_a_checkpoint_is_waited_for_and_the_page_turns_by_itself(page, dashboard):
    live = LiveFakeRun(dashboard.store, "young", steps=4000, rate=2).start(at=20)
    page.goto(f"{dashboard.url}/anatomy?anatomy_run={live.run.id}")
    expect(page.locator(".st-key-card_waiting")).to_contain_text("looked into from step 200 on")
    expect(page.locator(".stMain .problem")).to_have_count(0)
    live.stop()
    expect(page.locator(".stMain .problem")).to_contain_text("ended without a checkpoint")
    expect(page.locator(".st-key-card_waiting")).to_have_count(0)
    dashboard.store.delete(live.run.id)


def test_a_checkpoint_and_a_section_are_chosen_by_keys(page, dashboard):
    open_page(page, dashboard)
    slider = page.locator(".st-key-anatomy_step input, .st-key-anatomy_step [role=slider]").first
    slider.focus()
    page.keyboard.press("ArrowLeft")
    said(page, "anatomy_step", "40")
    expect(page.locator(".anl-written .anl-status")).to_contain_text("step 40")
    radio = page.locator(".st-key-anatomy_section").get_by_role("radio", name="Generate")
    radio.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    said(page, "anatomy_section", "lens")
    choose(page, "anatomy_run", "post")
    said(page, "anatomy_run", run_named(dashboard, "post").id)
    expect(page.locator(".anl-lens .anl-name")).to_have_text("post")


def test_the_lens_shows_what_was_measured_and_points_in_both_runs(page, dashboard):
    pre, post = (run_named(dashboard, name) for name in ("pre", "post"))
    open_page(page, dashboard, f"anatomy_section=lens&anatomy_run={pre.id}&anatomy_other={post.id}")
    expect(page.locator(".anl-lens")).to_have_count(2)
    expect(page.locator(".anl-lens td[data-n]")).to_have_count(2 * 3 * 24)
    page.wait_for_function(DRAWN, arg=".st-key-fig_lens")
    plain = {"text": "", "top": 5, "middle": False}
    question = inspections.look(pre, "lens", pre.checkpoints[-1], **plain)
    assert question
    cell = page.locator(".anl-lens").first.locator('td[data-n="1"][data-t="4"]')
    token = question.result["alphabet"][question.arrays["top_ids"][1, 4, 0]]
    assert cell.text_content() == {" ": "·", "\n": "↵"}.get(token, token)
    cell.hover()
    for detail in page.locator(".anl-detail").all():
        expect(detail).to_contain_text("layer 1, after")
    expect(page.locator(".anl-detail").first).to_contain_text(
        f"entropy {question.arrays['entropy'][1, 4]:.2f}"
    )
    page.locator(".anl-lens-scroll").first.focus()
    page.keyboard.press("ArrowUp")
    for detail in page.locator(".anl-detail").all():
        expect(detail).to_contain_text("layer 2, output")
    loss = page.evaluate(PICTURE, ".st-key-fig_lens")[0]
    assert len(decoded(loss["y"])) == 3
    assert np.allclose(decoded(loss["y"]), question.result["loss"])
    before = cell.evaluate("n => n.style.background")
    switch(page, "anatomy_colour", "Top token")
    said(page, "anatomy_colour", "top")
    wait_until(lambda: cell.evaluate("n => n.style.background") != before)
    switch(page, "anatomy_rows", "And after attention")
    expect(page.locator(".anl-lens td[data-n]")).to_have_count(2 * 5 * 24)
    box = page.locator(".st-key-anatomy_text input")
    box.fill("abc")
    box.press("Enter")
    expect(page.locator(".anl-lens td[data-n]")).to_have_count(2 * 5 * 3)


def matrix(page: Page, pane: int = 0) -> list[list[str]]:
    """The numbers that a pane shows, as they stand there."""
    rows = page.locator(".anl-pane").nth(pane).locator(".anl-matrix tr")
    return [row.locator("td").all_inner_texts() for row in rows.all()[1:]]


def as_numbers(shown: list[list[str]]) -> np.ndarray:
    signs = {"−∞": "-inf", "∞": "inf"}
    return np.array([[float(signs.get(n, n.replace("−", "-"))) for n in row] for row in shown])


def test_one_block_shows_the_traces_numbers_step_by_step(page, dashboard):
    """Every step by keys, its names and numbers against `model.trace`; then by mouse, and run B."""
    run, other = run_named(dashboard, "post"), run_named(dashboard, "pre")
    query = f"anatomy_section=block&anatomy_run={run.id}&anatomy_block_layer=2"
    open_page(page, dashboard, query)
    expect(page.locator(".anl-matrix")).to_have_count(1)
    loaded = LoadedCheckpoint(run, run.checkpoints[-1])
    ids = torch.tensor([loaded.tokens("")[:8]])
    trace = loaded.transformer.trace(ids)
    own = steps(loaded.wiring, 1)
    rows = page.locator(".anl-block-step[data-row]").last.get_attribute("data-row")
    page.locator(".anl-block").focus()
    seen = []
    for row in range(int(rows or 0) + 1):
        expect(page.locator(".anl-block-bar [role=status]")).to_have_text(
            f"step {row + 1} of {int(rows or 0) + 1}"
        )
        names = page.locator(".anl-pane").first.locator(".anl-pane-foot code").all_inner_texts()
        if names and names[0] in trace and "made of" not in page.locator(
            ".anl-pane-foot"
        ).first.inner_text():  # fmt: skip
            seen += names
            for name in names:
                whole = trace[name][0].detach()
                whole = whole[0] if whole.dim() == 3 else whole
                shown = as_numbers(matrix(page))
                np.testing.assert_allclose(shown, whole[:, :8], atol=0.00501)
        page.keyboard.press("ArrowRight")
    assert seen == list(observables(own))

    page.keyboard.press("Home")
    expect(page.locator(".anl-pane-title").first).to_have_text("Input of the layer")
    expect(page.locator(".anl-block-columns")).to_have_text("columns 1 to 8 of 16")
    page.keyboard.press("PageDown")
    expect(page.locator(".anl-block-columns")).to_have_text("columns 9 to 16 of 16")
    wide = trace["blocks.1.resid_pre"][0, :, 8:].detach()
    np.testing.assert_allclose(as_numbers(matrix(page)), wide, atol=0.00501)

    page.locator('.anl-block-step[data-key="attn_leaves"]').click()
    expect(page.locator(".anl-pane-equation").first).to_have_text("Y′ = LN( S )")
    expect(page.locator(".anl-pane-title").last).to_have_text("No such step")
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.locator(".anl-pane-equation").first).to_have_text("S = X + Y")
    expect(page.locator(".anl-pane-equation").last).to_have_text("Y′ = X + Y")
    expect(page.locator(".anl-pane-foot").last).to_contain_text("run B shows its numbers")

    choose(page, "anatomy_other", "pre")
    expect(page.locator(".anl-matrix")).to_have_count(2)
    second = LoadedCheckpoint(other, other.checkpoints[-1]).transformer.trace(ids)
    expect(page.locator(".anl-pane-equation").first).to_have_text("S = X + Y")
    shown = as_numbers(matrix(page, 1))
    np.testing.assert_allclose(shown, second["blocks.1.resid_mid"][0, :, :8].detach(), atol=0.00501)
    box = page.locator(".st-key-anatomy_block_text input")
    box.fill("the")
    box.press("Enter")
    said(page, "anatomy_block_text", "the")
    expect(page.locator(".anl-pane").first.locator(".anl-matrix tr")).to_have_count(4)


def decoded(values) -> list[float]:
    """A trace's numbers: a list, or what plotly.js keeps of a typed array."""
    found = values["_inputArray"] if isinstance(values, dict) else values
    return [float(v) for v in (found.values() if isinstance(found, dict) else found)]


def test_parts_are_switched_off_scaled_swapped_and_taken_back(page, dashboard):
    pre = run_named(dashboard, "pre")
    open_page(page, dashboard, f"anatomy_section=operate&anatomy_run={pre.id}")
    delta = page.locator(".anl-delta")
    expect(delta).to_contain_text("nothing is changed")
    part(page, "layer 2, head 1").click()
    said(page, "anatomy_operations", "h1.0=off")
    expect(part(page, "layer 2, head 1")).to_have_attribute("aria-pressed", "true")
    expect(delta).to_contain_text("±")
    question = next(q for q in asked(pre, "operate") if len(q.parameters["operations"]) == 1)
    wait_until(lambda: question.state == "done")
    expect(delta).to_contain_text(f"{abs(question.result['delta']):.3f}")
    part(page, "layer 2, head 1").click()
    said(page, "anatomy_operations", None)
    expect(delta).to_contain_text("nothing is changed")

    page.locator(".anl-segments").get_by_role("radio", name="Off").focus()
    page.keyboard.press("ArrowRight")
    part(page, "layer 1, attention").click()
    said(page, "anatomy_operations", "a0=mean")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    said(page, "anatomy_operations", "a0=mean,h0.0=mean")
    page.locator(".anl-segments").get_by_role("radio", name="Scale").click()
    factor = page.get_by_label("Factor")
    factor.fill("2")
    factor.press("Tab")
    part(page, "layer 2, feed-forward").click()
    said(page, "anatomy_operations", "a0=mean,h0.0=mean,f1=x2")
    factor.fill("3")
    factor.press("Enter")
    said(page, "anatomy_operations", "a0=mean,h0.0=mean,f1=x3")
    part(page, "layer 1, swap with layer 2").click()
    part(page, "layer 2, residual around attention").click()
    part(page, "layer 1, norm before feed-forward").click()
    part(page, "final norm").click()
    wanted = "a0=mean,h0.0=mean,f1=x3,b0=swap,r1.attention=x3,n0.feedforward.pre=off,n.final=off"
    said(page, "anatomy_operations", wanted)
    expect(page.locator(".anl-chip")).to_have_count(7)
    page.locator(".anl-chip").first.click()
    expect(page.locator(".anl-chip")).to_have_count(6)
    said(page, "anatomy_operations", wanted.removeprefix("a0=mean,"))
    page.reload()
    expect(page.locator(".anl-chip")).to_have_count(6)
    expect(delta).to_contain_text("±")
    page.get_by_role("button", name="Reset").click()
    said(page, "anatomy_operations", None)
    expect(page.locator(".anl-chip")).to_have_count(0)

    press(page, "ask_lesion")
    page.wait_for_function(DRAWN, arg=f".st-key-fig_lesion_{pre.id}")
    (sweep,) = asked(pre, "lesion")
    words = page.evaluate(PICTURE, f".st-key-fig_lesion_{pre.id}")[0]["text"]
    assert float(words[0][0]) == pytest.approx(float(sweep.arrays["block"][0]), abs=0.0051)
    press(page, "ask_paths")
    page.wait_for_function(DRAWN, arg=".st-key-fig_paths")
    page.wait_for_function(DRAWN, arg=".st-key-fig_logit")


def test_streams_of_two_runs_stand_on_the_same_axes(page, dashboard):
    pre, post = (run_named(dashboard, name) for name in ("pre", "post"))
    query = f"anatomy_section=streams&anatomy_run={pre.id}&anatomy_other={post.id}"
    open_page(page, dashboard, query)
    for key in ("rms", "branch", "angle", "similarity", "rank"):
        page.wait_for_function(DRAWN, arg=f".st-key-fig_{key}")
    page.wait_for_function(
        f"({PICTURE})('.st-key-fig_rms').filter(t => t.mode === 'lines+markers').length === 2"
    )
    (question,) = asked(post, "streams")
    (line,) = [t for t in page.evaluate(PICTURE, ".st-key-fig_rms") if t["name"] == "post"]
    assert np.allclose(decoded(line["y"]), question.result["rms"][: len(decoded(line["y"]))])
    expect(page.locator(".st-key-card_outliers")).to_contain_text("not seen")
    for id, count in ((pre.id, 0), (pre.id, 1), (post.id, 0)):
        page.wait_for_function(DRAWN, arg=f".st-key-fig_cka_{id}_{count}")


def test_a_landscape_gets_finer_keeps_its_zoom_and_can_be_turned(page, dashboard):
    pre, post = (run_named(dashboard, name) for name in ("pre", "post"))
    query = f"anatomy_section=landscape&anatomy_run={pre.id}&anatomy_seconds=10"
    open_page(page, dashboard, query)
    page.locator(".st-key-anatomy_others input").click()
    page.get_by_role("option", name="post", exact=True).click()
    said(page, "anatomy_others", post.id)
    page.keyboard.press("Escape")
    press(page, "ask_landscape1d")
    page.wait_for_function(DRAWN, arg=".st-key-fig_line")
    box = page.locator(".st-key-fig_line .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.8, steps=4)
    page.mouse.up()
    zoom = "document.querySelector('.st-key-fig_line .anl-plot')._fullLayout.xaxis.range"
    page.wait_for_function(f"{zoom}[1] < 0.9")
    kept = page.evaluate(zoom)
    (question,) = asked(pre, "landscape1d")
    wait_until(lambda: question.state == "done")
    line = f"({PICTURE})('.st-key-fig_line')[0].x"
    page.wait_for_function(
        f"n => ({line}._inputArray ?? {line}).length === n", arg=question.result["points"]
    )
    assert page.evaluate(zoom) == kept

    switch(page, "anatomy_view", "Plane")
    said(page, "anatomy_view", "landscape2d")
    press(page, "ask_landscape2d")
    page.wait_for_function(DRAWN, arg=f".st-key-fig_contour_{pre.id}")
    switch(page, "anatomy_look", "Surface")
    page.wait_for_function(DRAWN, arg=f".st-key-fig_surface_{pre.id}")
    switch(page, "anatomy_view", "Path of training")
    press(page, "ask_trajectory")
    page.wait_for_function(DRAWN, arg=f".st-key-fig_trail_surface_{pre.id}")
    switch(page, "anatomy_look", "Contour")
    page.wait_for_function(DRAWN, arg=f".st-key-fig_trail_contour_{pre.id}")
    (path,) = asked(pre, "trajectory")
    wait_until(lambda: path.state == "done")
    expect(page.locator(f".st-key-fig_trail_contour_{pre.id}")).to_contain_text("steps 20 to 60")


def test_a_widget_answers_while_an_inspection_is_still_at_work(page, dashboard):
    """Order and not time: the section is drawn while the landscape is still being measured."""
    pre = run_named(dashboard, "pre")
    query = f"anatomy_section=landscape&anatomy_view=landscape2d&anatomy_run={pre.id}"
    seed = 5 + len(asked(pre, "landscape2d"))  # a question that nobody has asked
    open_page(page, dashboard, f"{query}&anatomy_seconds=300&anatomy_directions={seed}")
    press(page, "ask_landscape2d")
    wait_until(lambda: [q for q in asked(pre, "landscape2d") if q.parameters["seed"] == seed])
    (question,) = [q for q in asked(pre, "landscape2d") if q.parameters["seed"] == seed]
    wait_until(lambda: question.state == "working")
    expect(page.locator(".anl-question [role=progressbar]")).to_be_visible()
    switch(page, "anatomy_look", "Surface")
    said(page, "anatomy_look", "surface")
    settled(page)
    assert question.state == "working"
    switch(page, "anatomy_section", "Logit lens")
    expect(page.locator(".anl-lens td[data-n]").first).to_be_visible()  # a quick one goes first
    assert question.state == "working"
    switch(page, "anatomy_section", "Landscape")
    place = ".st-key-slot_climb .anl-question"
    cancel = page.locator(f"{place} button", has_text="Cancel")
    cancel.focus()
    page.keyboard.press("Enter")
    wait_until(lambda: question.state == "cancelled")
    expect(page.locator(place)).to_contain_text("cancelled")
    page.locator(f"{place} button", has_text="Ask again").click()
    wait_until(lambda: question.state in ("waiting", "working"))
    expect(page.locator(f"{place} button", has_text="Cancel")).to_be_visible()
    page.locator(f"{place} button", has_text="Cancel").click()
    wait_until(lambda: question.state == "cancelled")


def test_bad_addresses_are_said_and_survived(page, dashboard):
    bad = (
        "anatomy_run=nobody&anatomy_step=7&anatomy_section=soul&anatomy_temperature=hot"
        "&anatomy_length=-3"
    )
    open_page(page, dashboard, bad)
    body = page.locator(".stMain")
    for words in ("nobody", "anatomy_step = 7", "soul", "hot", "-3"):
        expect(body).to_contain_text(words)
    expect(page.locator(".anl-token").first).to_be_visible()
    open_page(page, dashboard, "anatomy_section=operate&anatomy_operations=h9.9=off")
    expect(body).to_contain_text("h9.9=off")


def test_a_question_that_fails_says_why(page, dashboard):
    open_page(page, dashboard, "anatomy_prompt=%E2%98%83%E2%98%83")
    expect(page.locator(".anl-question")).to_contain_text("alphabet")
    box = page.locator(".st-key-anatomy_prompt input")
    box.fill("abc")
    box.press("Enter")
    expect(page.locator(".anl-token").first).to_be_visible()


def test_without_runs_the_page_leads_to_the_lab(browser, tmp_path):
    with Dashboard(tmp_path / "none" / "runs") as empty:
        page = browser.new_page()
        watched = Watched(page)
        page.goto(f"{empty.url}/anatomy")
        press(page, "open_lab")
        page.locator(".st-key-train button").wait_for()
        assert watched.errors == []
        page.close()


def test_every_section_fits_a_narrow_window(browser, dashboard):
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 800, "height": 900})
        watched = Watched(page)
        for section in ("generate", "lens", "operate", "streams", "landscape"):
            open_page(page, dashboard, f"anatomy_section={section}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), section
        assert watched.errors == []
        page.close()
