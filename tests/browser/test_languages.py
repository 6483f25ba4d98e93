"""Every page in Chinese says nothing in English, and in English nothing in Chinese.

What is opened: all pages over two small networks, with every section, expander, popover and dialog.
What stays in both: names of settings, metrics, runs and papers, code, units, what networks write.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from core import presets
from core.config import choices, settings
from core.jobs import inspections
from core.language import DRAFTS, LANGUAGES
from core.metrics.names import OBSERVABLES, STATISTICS
from core.runs.locks import is_locked
from dashboard.anatomy.choice import SECTIONS
from tests.browser.driver import Dashboard, at_rest, settled
from tests.subjects import trained

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

SAID = Path(__file__).with_name("said.js").read_text(encoding="utf-8")
SHOTS = Path(__file__).resolve().parents[2] / "test-results" / "languages"
CJK = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")

# Words of Latin letters that Chinese text has too, each with why.
NAMES = """
Add Norm Lab English Transformer Transformers ResNet MLP LayerNorm RMSNorm BatchNorm GroupNorm DyT
LN DeepNorm Admin ReZero LayerScale LNS Fixup AdamW SGD GELU ReLU SwiGLU RoPE ALiBi Xavier Glorot
GPT BERT Llama Qwen Gemma OLMo PyTorch Python Dropout Softmax softmax tanh logit logits token GPU
CPU cpu gpu CUDA CSV Parquet TensorBoard ZIP zip HTML JSON PNG SVG FLOPs GB MB kB ms
Shift Alt Esc Enter
Home End Page Up Down SHA arXiv seed dotted QK QKV FFN NaN min max log ln exp sqrt mean std rms
nat nats Top CKA BLEU ROUGE Streamlit Kullback Leibler KL SVD Hessian Jacobian Peri Mix Sandwich
Pre Post unigram AMD EPYC Intel cores torch
W&B MLflow mlruns mlflow trackio Neptune Hugging Face GGUF
"""
UNITS_AND_KEYS = re.compile(r"[\w.]*[_./=×][\w.]*|\d\w*|\b[A-Za-z]\b")
PAPERS = re.compile(
    r"[A-Z]\w+ (et al\.?|(and|&) [A-Z]\w+)( \d{4})?[^,;·。，；]*|arXiv[^;]*|\(?(19|20)\d\d\)?"
)
# What Streamlit says by itself, for which it has no option: in titles and to screen readers.
STREAMLITS = re.compile(
    "Skip to main content|Sidebar|Logo|Choose an option|Open|App pages|Main menu|Dismiss|Close"
    "|(Collapse|Expand) sidebar|Decrement|Increment|Help for .*|Navigate to home page|Upload"
    "|Clear (value|entry|all)|Selected values|Remove .*|Shortcut .*|Add files|.* per file.*"
    "|Drag and drop .*|No results|file upload"
)


def known_words() -> set[str]:
    """Words that are the same in every language."""
    words = set(NAMES.split()) | set(OBSERVABLES) | set(STATISTICS) | {"post", "pre"}
    for dotted in settings():
        words |= {dotted, *dotted.replace("_", ".").split("."), *choices(dotted)}
    for name in presets.names():
        words |= {name, *name.split("-")}
    return {part for word in words for part in re.findall(r"[A-Za-z]+", word)}


KNOWN = known_words()


def english(text: str) -> list[str]:
    """The English words of a text that no name, unit or key explains."""
    if STREAMLITS.fullmatch(text):
        return []
    rest = PAPERS.sub(" ", re.sub(r"[A-Za-z0-9_.-]*/\S+", " ", text))
    if not CJK.search(text):
        rest = UNITS_AND_KEYS.sub(" ", rest)
    rest = re.sub(r"`[^`]*`|“[^”]*”|\w+ (==|>=) .*|[\w.-]*[_./=][\w.-]*", " ", rest)
    words = [word for word in re.findall(r"[A-Za-z]{2,}", rest) if word not in KNOWN]
    # A Chinese sentence may name a thing; three words that stand together are a sentence.
    return words if not CJK.search(text) or len(words) > 2 else []


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Two small networks, one the twin of the other, in one dashboard."""
    with Dashboard(tmp_path_factory.mktemp("languages") / "runs") as one:
        kept = {
            "training__checkpoint_every": 20,
            "model__context": 24,
            "probes__attention": True,
            "probes__every": 5,
        }
        trained(one.store, 60, **kept, model__placement="post").update_meta(name="post")
        trained(one.store, 60, **kept).update_meta(name="pre")
        yield one
        lock = inspections.inspector_lock(one.store.root)
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGKILL)
        assert "Traceback" not in (log := one.log.read_text()), log


# Every page with all its sections: its address, with the runs' ids for a and b.
STOPS = {
    "lab": "/?lab_view=all&lab_runs={a},{b}",
    "learn": "/learn",
    "compare": "/compare?compare_runs={a},{b}",
    "compare-by-setting": "/compare?compare_matrix=true&group_by=nothing",
    "attention": "/attention?attention_runs={a},{b}",
    **{name: f"/anatomy?anatomy_run={{a}}&anatomy_section={name}" for name in SECTIONS},
    "evidence": "/evidence",
    "runs": "/runs",
    "glossary": "/glossary",
    "wrong-address": "/?model_depth=deep&model_nrom=rms&lab_runs=nobody",
}


def opened(page: Page, url: str) -> None:
    """A page that has come to rest."""
    page.goto(url)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    at_rest(page)


def read(page: Page, found: dict[str, str]) -> None:
    """Add what stands there to what was found, the place by the text."""
    for place, text in page.evaluate(SAID):
        found.setdefault(text, place)


def everything(page: Page, found: dict[str, str]) -> None:
    """What the page says, and what it says once all that folds out is open."""
    read(page, found)
    for summary in page.locator("[data-testid=stExpander] summary:visible").all():
        if summary.evaluate("e => !e.parentElement.open"):
            summary.click()
    settled(page)
    read(page, found)
    for popover in page.locator("[data-testid=stPopover] button:visible:enabled").all():
        popover.click()
        settled(page)
        read(page, found)
        page.keyboard.press("Escape")
        settled(page)
    for key in ("train_twin", "ablation_grid", "report", "delete_trash"):
        button = page.locator(f".st-key-{key} button:visible:enabled")
        if button.count():
            button.last.click()
            settled(page)
            read(page, found)
            page.keyboard.press("Escape")
            settled(page)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("language", sorted({**LANGUAGES, **DRAFTS}))
def test_a_page_speaks_one_language(
    page: Page, dashboard: Dashboard, language: str, stop: str
) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    b, a = (run.id for run in dashboard.store.list())
    address = STOPS[stop].format(a=a, b=b)
    mark = "&" if "?" in address else "?"
    opened(page, f"{dashboard.url}{address}{mark}lang={language}")
    page.screenshot(path=SHOTS / f"{language}-{stop}.png")
    found: dict[str, str] = {}
    everything(page, found)
    strange = english if language != "en" else CJK.findall
    assert [f"{place} | {text[:160]}" for text, place in found.items() if strange(text)] == []


def test_the_choice_of_a_language_keeps_the_page_and_is_remembered(
    page: Page, dashboard: Dashboard
) -> None:
    opened(page, f"{dashboard.url}/compare?compare_x=tokens&group_by=nothing")
    page.locator(".st-key-language").get_by_role("link", name="中文").click()
    page.locator("html[lang=zh]").wait_for(state="attached")
    chosen = page.locator(".st-key-compare_x [aria-checked=true]")
    expect(chosen).to_have_text("词元")
    said = parse_qs(urlparse(page.url).query)
    assert said == {"compare_x": ["tokens"], "group_by": ["nothing"], "lang": ["zh"]}
    opened(page, f"{dashboard.url}/runs")
    assert page.locator("html").get_attribute("lang") == "zh"
    page.locator(".st-key-language").get_by_role("link", name="English").click()
    page.locator("html[lang=en]").wait_for(state="attached")
    expect(page.locator(".st-key-runs_view")).to_contain_text("Trash")
