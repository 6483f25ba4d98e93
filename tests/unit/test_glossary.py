"""Every word of the glossary can be shown, and leads where it says."""

import re
import tomllib
from urllib.parse import parse_qsl, urlsplit

import pytest

from core import presets
from core.config import RunConfig
from core.glossary import FILE, Term, found, groups, terms
from dashboard.anatomy.choice import SECTIONS
from dashboard.attention.choices import SORTS
from dashboard.figures.block import published
from dashboard.figures.diagram import diagram
from dashboard.figures.terms import PICTURES, picture, softmax
from dashboard.ui.navigation import names

KNOWN = {"anatomy_section": tuple(SECTIONS), "attention_sort": SORTS, "preset": None}


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


def test_groups_are_in_the_order_of_the_file():
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert groups() == list(dict.fromkeys(one["group"] for one in table.values()))
    assert groups()[0] == "Add and Norm"
