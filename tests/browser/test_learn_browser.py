"""Lessons as a reader goes through them, in both languages; a class's link with hidden controls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.lessons import lessons, recorded
from core.runs.status import ENDED
from tests.browser.driver import Dashboard, settled

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)
TEMPLATE = Path(__file__).resolve().parents[1] / "unit" / "lessons" / "warm_up.toml"
# The lesson of the tests, small enough to train while somebody waits for it.
SMALL = {
    "model.depth = 12": "model.depth = 2",
    "model.width = 48": "model.width = 16",
    "training.steps = 400": "training.steps = 300",
    "learning_rate = 1e-3": "learning_rate = 1e-2",  # so that both learn in so few steps
    "values = [200, 100, 50]": "values = [20, 10]",
}
WORDS = {
    "en": {"key": "Answer key", "mark": "Recorded runs", "done": "done", "next": "All lessons"},
    "zh": {"key": "答案", "mark": "录制的运行", "done": "完成", "next": "全部课程"},
}
RECORDED = [lesson.id for lesson in lessons().values() if recorded.runs_of(lesson)]


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    home = tmp_path_factory.mktemp("learn")
    text = TEMPLATE.read_text("utf-8")
    for before, after in SMALL.items():
        assert before in text
        text = text.replace(before, after)
    (home / "own").mkdir()
    (home / "own" / "90-small.toml").write_text(text, "utf-8")
    with Dashboard(home / "runs", ADDNORM_LESSONS=str(home / "own")) as one:
        yield one


def predict(page: Page, lesson: str) -> None:
    page.locator(f".st-key-predict_{lesson} label").filter(has=page.locator("input")).first.click()


def answer_all(page: Page, lesson: str) -> None:
    """Answer each question, rightly or not, and have it checked."""
    card = page.locator(".st-key-card_ask")
    card.locator(".st-key-check_0 button").wait_for()
    settled(page)  # all questions are there
    for place in range(card.locator("[class*='st-key-check_']").count()):
        question = card.locator(f".st-key-answer_{lesson}_{place}")
        if question.locator("input[type=radio]").count():
            question.locator("label").filter(has=page.locator("input")).first.click()
        else:
            question.locator("input").fill("3")
            question.locator("input").press("Enter")
        check = card.locator(f".st-key-check_{place} button")
        expect(check).to_be_enabled()
        check.click()
        expect(card.locator(".learn-answer")).to_have_count(place + 1)


def take_along(page: Page) -> str:
    """The page with the answer key."""
    with page.expect_download() as download:
        page.locator(".st-key-lesson_export button").click()
    return Path(download.value.path()).read_text("utf-8")


def is_done(page: Page, lesson: str, word: str) -> None:
    page.locator(".st-key-all_lessons button").click()
    expect(page.locator(f".st-key-card_lesson_{lesson} .learn-done")).to_contain_text(word)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_lesson_on_own_runs(page: Page, dashboard: Dashboard, language: str) -> None:
    words = WORDS[language]
    before = set(dashboard.store.names())
    page.goto(f"{dashboard.url}/learn?lang={language}")
    page.locator(".st-key-open_small button").click()
    expect(page.locator(".st-key-lesson_run button")).to_be_disabled()
    predict(page, "small")
    expect(page.locator(".st-key-lesson_run button")).to_be_enabled()
    page.locator(".st-key-lesson_run button").click()
    page.wait_for_selector(".st-key-chart_small_0 .js-plotly-plot")
    expect(page.locator(".st-key-predict_small input").first).to_be_disabled()
    page.wait_for_selector(".st-key-card_explain .learn-explain")
    runs = [run for run in dashboard.store.list() if run.id not in before]
    assert {run.meta["lesson"] for run in runs} == {"small"}
    assert all(run.status in ENDED for run in runs)
    answer_all(page, "small")
    loss = runs[0].series("loss/train")[1][-50:].mean()
    found = take_along(page)
    assert words["key"] in found
    assert f'lang="{language}"' in found
    if language == "en":
        said = page.locator(".learn-explain").inner_text()
        assert f"{loss:.2f}" in said, "the reader's own number"
    page.reload()
    page.wait_for_selector(".st-key-card_explain .learn-explain")
    expect(page.locator(".learn-answer")).to_have_count(1)
    settled(page)
    is_done(page, "small", words["done"])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("lesson", RECORDED[:2])
def test_a_lesson_on_recorded_runs(
    page: Page, dashboard: Dashboard, lesson: str, language: str
) -> None:
    words = WORDS[language]
    before = dashboard.store.names()
    page.goto(f"{dashboard.url}/learn?lesson={lesson}&lang={language}")
    predict(page, lesson)
    page.locator(".st-key-lesson_recorded button").click()
    page.wait_for_selector(f".st-key-chart_{lesson}_0 .js-plotly-plot")
    expect(page.locator(".learn-recorded")).to_contain_text(words["mark"])
    page.wait_for_selector(".st-key-card_explain .learn-explain")
    answer_all(page, lesson)
    found = take_along(page)
    assert words["mark"] in found
    assert "python -m core train" in found
    is_done(page, lesson, words["done"])
    assert dashboard.store.names() == before, "nothing was trained"


def test_the_link_to_the_page_leads_out_of_a_lesson(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/learn?lesson={RECORDED[0]}")
    page.wait_for_selector(".st-key-all_lessons")
    settled(page)
    page.get_by_role("link", name="Learn").click()
    page.wait_for_selector(f".st-key-open_{RECORDED[0]}")
    expect(page).to_have_url(f"{dashboard.url}/learn")


def test_an_answer_is_a_gap_until_it_is_given(page: Page, dashboard: Dashboard) -> None:
    lesson = "post-ln-warm-up"
    page.goto(f"{dashboard.url}/learn?lesson={lesson}")
    predict(page, lesson)
    page.locator(".st-key-lesson_recorded button").click()
    said = page.locator(".learn-explain")
    expect(said).to_contain_text("was [?] times smaller than at the start")
    answer_all(page, lesson)
    expect(said).not_to_contain_text("[?]")


def test_lessons_have_recorded_runs() -> None:
    assert len(RECORDED) >= 2


def test_a_link_for_a_class(page: Page, dashboard: Dashboard) -> None:
    page.goto(
        f"{dashboard.url}/learn?lesson=small&hide=warmup_steps,lessons,recorded,settings,link"
    )
    page.wait_for_selector(".st-key-predict_small")
    settled(page)
    for part in ("lesson_small_warmup_steps", "all_lessons", "class_link", "lesson_commands"):
        expect(page.locator(f".st-key-{part}")).to_have_count(0)
    page.goto(f"{dashboard.url}/learn?lesson=small")
    page.wait_for_selector(".st-key-lesson_small_warmup_steps")
    page.locator(".st-key-class_link button").click()
    expect(page.locator("[data-testid='stPopoverBody'] code")).to_contain_text(
        "/learn?lesson=small"
    )


def test_a_layer_norm_is_operated_by_hand(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/learn?lesson=norm")
    table = page.locator(".hand-table tbody")
    expect(table.locator("tr")).to_have_count(4)
    normed = table.locator(".hand-y").all_inner_texts()
    page.locator(".st-key-hand_times button").click()
    expect(page.locator(".st-key-hand_vector input")).to_have_value("20, -10, 5, 60")
    expect(table.locator("tr").first).to_contain_text("20")
    assert table.locator(".hand-y").all_inner_texts() == normed, "the size of x does not matter"
    box = page.locator(".st-key-hand_vector input")
    box.fill("1, 2, x")
    box.press("Enter")
    expect(page.locator(".st-key-card_hand .problem")).to_contain_text("x is not a number")
    expect(table.locator("tr")).to_have_count(4)  # the last one that could be read
    box.fill("1 2 3 4 5")
    box.press("Enter")
    expect(table.locator("tr")).to_have_count(5)
