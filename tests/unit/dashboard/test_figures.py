"""The equation and the drawing, as data, for every wiring."""

import itertools
import re

import pytest

from core.config import ModelConfig, choices
from dashboard.figures import block
from dashboard.figures.diagram import describe, diagram
from dashboard.figures.equation import equation, plain
from dashboard.lab.cards import observables
from dashboard.ui.marks import dot
from tests.fake_runs import finished

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
    assert block.title(ModelConfig(depth=depth)) == f"One block, {words}"


def read(**settings):
    return plain(re.sub(r"^<div[^>]*>|</div>$", "", equation(ModelConfig(**settings))))


BARE = {"placement": "none", "norm": "none"}


@pytest.mark.parametrize(
    ("settings", "name", "formula"),
    [
        ({"placement": "post", "scaling": "deepnorm"}, "DeepNorm", "y = LN( αx + F(x) ); α = "),
        ({"placement": "post", "scaling": "admin"}, "Admin", "y = LN( ω⊙x + F(x) )"),
        ({"placement": "reordered", "norm": "rms"}, "reordered norm, RMS", "y = x + RMS( F(x) )"),
        (
            {"placement": "reordered", "norm": "rms", "qk_norm": "width"},
            "OLMo 2 · ",
            "y = x + RMS( F(x) ); Attn: RMS on q, k",
        ),
        (
            {"placement": "sublayer"},
            "Sub-LN",
            "y = x + F( LN(x) ); Attn: LN before W_O; FFN: LN after the activation",
        ),
        (
            {"placement": "normformer"},
            "NormFormer",
            "y = x + LN( Attn( LN(x) ) ); z = y + FFN( LN(y) ); Attn: γ per head; FFN: LN after",
        ),
        (
            {"placement": "mix", "depth": 12},
            "Mix-LN",
            "y = x + F( LN(x) ); layers 1 to 3, post-LN: y = LN( x + F(x) )",
        ),
        (
            {"placement": "hybrid"},
            "HybridNorm",
            "y = LN( x + Attn(x) ); z = y + FFN(y); Attn: LN on q, k, v",
        ),
        ({**BARE, "scaling": "rezero"}, "ReZero", "y = x + α F(x); α = 0"),
        ({"scaling": "layerscale"}, "pre-LN with LayerScale", "y = x + γ⊙F( LN(x) ); γ = 0.1"),
        ({"scaling": "layerscale", "depth": 24}, "pre-LN with LayerScale", "y = x + γ⊙F( LN(x) )"),
        ({"scaling": "lns", "norm": "dyt"}, "LayerNorm Scaling, DyT", "y = x + F( DyT(x)/√l )"),
        ({"sublayers": "attention"}, "pre-LN", "y = x + Attn( LN(x) )"),
        ({"sublayers": "feedforward", "placement": "post"}, "post-LN", "y = LN( x + FFN(x) )"),
        ({"causal": False}, "pre-LN", "y = x + F( LN(x) ); no causal mask"),
        (
            {"overrides": "1: placement=post; 3-4: residual=off"},
            "pre-LN",
            "y = x + F( LN(x) ); layer 2, post-LN: y = LN( x + F(x) ); layers 4 to 5, pre-LN"
            " without Add: y = F( LN(x) )",
        ),
        (
            {"placement": "post", "scaling": "deepnorm", "residual": "off"},
            "post-LN without Add",
            "",
        ),
    ],
)
def test_the_zoo_in_the_papers_words(settings, name, formula):
    assert block.published(ModelConfig(**settings)).startswith(name)
    assert read(**settings).startswith(formula)


def test_layers_that_differ_have_a_drawing_of_their_own():
    drawn = diagram(ModelConfig(overrides="1: placement=post; 3-4: residual=off"))
    assert drawn.count("<svg") == 3
    assert "layer 2: post-LN" in drawn
    assert "layers 4 to 5: pre-LN without Add" in drawn
    main, *small = drawn.split("</svg>")
    assert main.count('class="plus"') == small[0].count('class="plus"') == 2
    assert small[1].count('class="plus"') == 0
    assert diagram(ModelConfig(placement="mix", depth=12)).count("<svg") == 2


def test_scales_stand_where_they_multiply():
    drawn = diagram(ModelConfig(scaling="layerscale"))
    order = re.findall(r'class="(?:box )?(norm|attention|feedforward|scale|plus)"', drawn)
    assert order == ["norm", "attention", "scale", "plus", "norm", "feedforward", "scale", "plus"]
    assert diagram(ModelConfig(placement="post", scaling="admin")).count('class="factor"') == 2


def every_wiring():
    for placement, scaling, residual, sublayers, qk_norm, norm in itertools.product(
        *(choices(f"model.{s}") for s in ("placement", "scaling", "residual", "sublayers")),
        ("off", "head"),
        ("layer", "dyt", "none"),
    ):
        try:
            yield ModelConfig(
                placement=placement,
                scaling=scaling,
                residual=residual,
                sublayers=sublayers,
                qk_norm=qk_norm,
                norm=norm,
            )
        except ValueError:
            continue


def test_every_wiring_is_drawn_as_it_is_built():
    """Boxes and signs of each drawing, counted; the table of norms is the network's own."""
    wirings = list(every_wiring())
    assert len(wirings) > 700
    for model in wirings:
        drawn = diagram(model).split("</svg>")[0]
        parts = block.parts(model)
        assert drawn.count('class="plus"') == sum(part.kind == "add" for part in parts)
        assert drawn.count('class="box norm"') == sum(part.kind == "norm" for part in parts)
        one = block.usual(model)
        outside = [p for w in block.kinds(one) for p in block.sites(one, w)]
        outside = [p for p in outside if p in ("pre", "inner", "post")]
        assert drawn.count('class="box norm"') == len(outside)
        shown = equation(model)
        assert shown.count("(") == shown.count(")")


def test_layers_that_differ_are_not_counted_as_alike():
    one = ModelConfig(depth=5, overrides=({"layers": "4", "residual": "off"},))
    assert block.alike(one) == 4
    assert "× 4<" in diagram(one)
    assert block.title(one) == "5 blocks, not all alike"
    assert "× 5<" in diagram(ModelConfig(depth=5))


def test_the_activation_card_lists_a_final_norm_only_where_the_network_has_one(store):
    post = finished(store, "post", steps=20, model__placement="post")
    pre = finished(store, "pre", steps=20)
    assert "activation/rms/final_norm.out" in post.metrics()
    assert "final_norm.out" not in observables(post)
    assert "final_norm.out" in observables(pre)
    assert "final_norm.out" not in observables(store.create(post.config))


def test_a_dot_has_the_dash_of_its_runs_curve():
    assert "data-dash" not in dot(7)
    assert 'data-dash="dash"' in dot(8)
    assert 'data-dash="dashdot"' in dot(31)


def test_words_of_a_drawing_know_how_wide_it_is():
    drawn = diagram(ModelConfig(placement="sandwich"))
    width = re.search(r'viewBox="0 0 ([\d.]+) ', drawn)[1]
    assert f"--w:{width}" in drawn
    assert '<tspan class="short">attn</tspan>' in drawn
