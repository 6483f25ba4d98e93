"""The equation and the drawing, as data, for every wiring."""

import itertools
import re

import pytest

from core.config import ModelConfig
from dashboard.figures import block
from dashboard.figures.diagram import describe, diagram
from dashboard.figures.equation import equation, plain

PLACEMENTS = ("pre", "post", "sandwich", "none")
RESIDUALS = ("on", "off", "attention", "feedforward")
WIRINGS = list(itertools.product(PLACEMENTS, RESIDUALS, ("layer", "rms")))

# What the papers write, for one sublayer with and without x.
FORMULAS = {
    ("pre", True): "x + F( N(x) )",
    ("pre", False): "F( N(x) )",
    ("post", True): "N( x + F(x) )",
    ("post", False): "N( F(x) )",
    ("sandwich", True): "x + N( F( N(x) ) )",
    ("sandwich", False): "N( F( N(x) ) )",
    ("none", True): "x + F(x)",
    ("none", False): "F(x)",
}


def model(placement, residual, norm):
    return ModelConfig(
        placement=placement, residual=residual, norm="none" if placement == "none" else norm
    )


def bridged(residual):
    return [residual in ("on", which) for which in ("attention", "feedforward")]


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_parts_stand_in_the_order_of_the_equation(wiring):
    placement, residual, _ = wiring
    kinds = [part.kind for part in block.parts(model(*wiring))]
    expected = []
    for which, add in zip(("attention", "feedforward"), bridged(residual), strict=True):
        expected += {
            "pre": ["norm", which],
            "post": [which],
            "sandwich": ["norm", which, "norm"],
            "none": [which],
        }[placement]
        expected += ["add"] if add else []
        expected += ["norm"] if placement == "post" else []
    assert kinds == expected


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_equation_is_the_papers(wiring):
    placement, residual, norm = wiring
    word = {"layer": "LN", "rms": "RMS"}[norm]
    shown = plain(re.sub(r"^<div[^>]*>|</div>$", "", equation(model(*wiring))))
    first, second = bridged(residual)
    if first == second:
        assert shown == "y = " + FORMULAS[placement, first].replace("N", word)
    else:
        top = FORMULAS[placement, first].replace("F", "Attn").replace("N(", word + "(")
        low = FORMULAS[placement, second].replace("x", "y").replace("F", "FFN")
        low = re.sub(r"(?<!F)N\(", word + "(", low)
        assert shown == f"y = {top}; z = {low}"


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_drawing_has_one_box_for_every_part(wiring):
    drawn = diagram(model(*wiring))
    parts = block.parts(model(*wiring))
    adds = sum(part.kind == "add" for part in parts)
    final = model(*wiring).has_final_norm
    assert drawn.count('class="plus"') == drawn.count('class="arc"') == adds
    assert drawn.count('class="box norm"') == sum(part.kind == "norm" for part in parts)
    assert drawn.count('class="box norm final"') == final
    order = re.findall(r'class="(?:box )?(norm|attention|feedforward|plus)"', drawn)
    assert order == [{"add": "plus"}.get(part.kind, part.kind) for part in parts]


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_every_arc_ends_on_its_own_plus(wiring):
    drawn = diagram(model(*wiring))
    ends = re.findall(r'class="arc" d="M([\d.]+) \d+V\d+H([\d.]+)V', drawn)
    centres = re.findall(r'class="plus" cx="([\d.]+)"', drawn)
    assert [end for _, end in ends] == centres
    assert all(float(start) < float(end) for start, end in ends)


def test_drawing_takes_its_colours_from_the_page_alone():
    assert not re.search(r"#[0-9a-f]{3,6}|rgb\(", diagram(ModelConfig()))


def test_drawing_is_told_in_words():
    words = describe(ModelConfig(placement="post"))
    assert words.startswith("post-LN · Vaswani et al. 2017")
    assert "attention, add, norm, feed-forward, add, norm" in words


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_every_wiring_has_a_name(wiring):
    name = block.published(model(*wiring))
    assert name
    assert ("RMS" in name) == (wiring[2] == "rms" and wiring[0] != "none")


@pytest.mark.parametrize(
    ("depth", "words"),
    [(1, "once"), (2, "twice"), (3, "three times"), (12, "twelve times"), (48, "48 times")],
)
def test_title_counts_the_blocks(depth, words):
    assert block.title(depth) == f"One block, {words}"


def test_norms_of_a_placement_agree_with_the_parameter_count():
    from core.estimate import NORMS_PER_SUBLAYER

    assert {p: sum(norms) for p, norms in block.NORMS.items()} == NORMS_PER_SUBLAYER
