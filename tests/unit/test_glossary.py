"""Every word of the glossary can be shown, and leads where it says."""

import re
import tomllib
from urllib.parse import parse_qsl, urlsplit

import pytest

from core import presets
from core.config import RunConfig, settings
from core.glossary import FILE, Term, called, for_browser, found, groups, index, terms
from core.metrics import names as metrics
from dashboard.anatomy.choice import SECTIONS
from dashboard.attention.choices import SORTS
from dashboard.compare.cards import AXES, PROFILES
from dashboard.figures.block import published
from dashboard.figures.diagram import diagram
from dashboard.figures.terms import PICTURES, picture, softmax
from dashboard.lab.switch import in_glossary
from dashboard.ui.navigation import names

KNOWN = {
    "anatomy_section": tuple(SECTIONS),
    "attention_sort": SORTS,
    "compare_x": AXES,
    "lab_statistic": tuple(metrics.STATISTICS),
    "lab_observable": tuple(metrics.OBSERVABLES),
    "preset": None,
}
# What the lab is about: each of these has to be explained.
SUBJECT = {
    "model.residual": "residual",
    "model.placement": "placement",
    "model.norm": "layer_norm",
    "model.depth": "block",
    "model.width": "width",
    "model.heads": "head",
    "model.context": "context",
    "model.init": "initialisation",
    "model.scaling": "scaling",
    "model.final_norm": "final_norm",
    "optimizer.warmup_steps": "warm_up",
    "optimizer.learning_rate": "learning_rate",
    "training.seed": "seed",
    "training.steps": "step",
    "training.batch_size": "step",
}
# Of networks that the lab's subject is not: their parts are called as in the paper.
OF_RESNETS = {"first convolution", "first convolution after its activation", "pooled features"}


@pytest.mark.parametrize("term", terms().values(), ids=list(terms()))
def test_a_term_can_be_shown(term: Term):
    assert term.text.endswith(".")
    assert term.picture == "" or term.picture in PICTURES
    assert not (term.model and term.picture)
    if term.model:
        assert "<svg" in diagram(term.model, times=False)
        assert "× 1" not in diagram(term.model, times=False)
    assert term.formula.count("{") == term.formula.count("}")
    for words, address in term.see:
        parts = urlsplit(address)
        page = parts.path.strip("/") or "lab"
        assert words
        assert page in names()
        asked = dict(parse_qsl(parts.query))
        settings = {key: value for key, value in asked.items() if key not in KNOWN}
        for key, value in asked.items():
            if KNOWN.get(key):
                assert value in KNOWN[key]
        config = presets.load(asked["preset"]).config if "preset" in asked else RunConfig()
        if settings:
            RunConfig.from_flat({**config.flat(), **settings})


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_stays_within_its_frame_and_says_what_it_shows(name: str):
    drawn = picture(name)
    assert re.search(r'aria-label="[^"]{20,}\."', drawn)
    for x in re.findall(r' x="(-?[\d.]+)"', drawn):
        assert 0 <= float(x) <= 300
    for y in re.findall(r' y="(-?[\d.]+)"', drawn):
        assert 0 <= float(y) <= 92
    assert "nan" not in drawn


def test_every_picture_is_of_a_term():
    assert set(PICTURES) == {term.picture for term in terms().values()} - {""}


def test_what_is_said_of_the_softmax_is_so():
    shares = softmax([1.0, 2.0, 0.5, 3.0, -1.0])
    assert shares.sum() == pytest.approx(1)
    assert 0.5 < shares.max() < 2 / 3


def test_wirings_are_called_as_their_terms_are():
    for id, name in (("post_ln", "Post-LN"), ("pre_ln", "Pre-LN"), ("deepnorm", "DeepNorm")):
        model = terms()[id].model
        assert model is not None
        assert name.casefold() in published(model).casefold()


def test_terms_are_found_by_words_in_any_case_and_by_other_names():
    assert found("SKIP connection")[0].id == "residual"
    for words in ("warm-up", "warmup", "Warm up"):
        assert found(words)[0].id == "warm_up"
    assert found("layer norm")[0].id == "layer_norm"
    assert {term.id for term in found("tanh")} == {"dyt"}
    assert found("zebra") == []
    assert found("") == list(terms().values())


def test_every_setting_of_the_subject_leads_to_its_term():
    titles = {dotted: str(field.title) for dotted, field in settings().items()}
    assert {d: t.id for d in SUBJECT if (t := called(titles[d]))} == SUBJECT
    assert in_glossary("Warm-up").endswith("](/glossary?term=warm_up)")
    assert in_glossary("Threads") == ""


def test_every_metric_and_chart_title_leads_to_a_term():
    def texts(table: object) -> list[str]:
        if isinstance(table, dict):
            return [text for value in table.values() for text in texts(value)]
        return [str(table)]

    titles = {*texts(metrics.for_browser()), *PROFILES}
    titles |= {metrics.OPTIMAL, metrics.baseline_of("image"), metrics.baseline_of("character")}
    assert {title for title in titles - OF_RESNETS if called(title) is None} == set()


def test_a_label_is_a_whole_name_of_its_term():
    for label, id in (
        ("Loss (cross-entropy)", "loss"), ("cross-entropy", "loss"), ("heads", "head"),
        ("skip connection", "residual"), ("ATTENTION HEADS", "head"), ("Depth", "block"),
        ("warm up", "warm_up"), ("nats", "nat"),
    ):  # fmt: skip
        term = called(label)
        assert term
        assert term.id == id
    for label in ("los", "gradient descent", ""):
        assert called(label) is None


def test_a_name_leads_to_the_term_that_it_is_the_title_of():
    for id, term in terms().items():
        lead = called(term.name)
        assert lead
        assert lead.id == id
    known = for_browser()
    assert known["called"] == dict(index())
    assert set(known["called"].values()) == set(known["names"]) == set(terms())


def test_groups_are_in_the_order_of_the_file():
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert groups() == list(dict.fromkeys(one["group"] for one in table.values()))
    assert groups()[0] == "Add and Norm"
