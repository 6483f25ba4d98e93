"""Equation and drawing of feed-forward networks and ResNets, and the words around their losses."""

from __future__ import annotations

import pytest

from core.config import ModelConfig, RunConfig
from core.runs import RunStore
from dashboard.figures.block import parts, published, title
from dashboard.figures.diagram import diagram
from dashboard.figures.equation import equation, plain
from dashboard.ui import units


def resnet(**settings) -> ModelConfig:
    return ModelConfig(family="resnet", **{"norm": "batch", **settings})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (resnet(), "y = ReLU( x + F(x) ); F = BN conv ReLU BN conv"),
        (resnet(residual="off"), "y = ReLU( F(x) ); F = BN conv ReLU BN conv"),
        (resnet(norm="none"), "y = ReLU( x + F(x) ); F = conv ReLU conv"),
        (resnet(norm="group"), "y = ReLU( x + F(x) ); F = GN conv ReLU GN conv"),
        (ModelConfig(family="mlp", placement="post"), "y = LN( x + FFN(x) )"),
        (ModelConfig(family="mlp", residual="off"), "y = FFN( LN(x) )"),
    ],
)
def test_equations(model, words):
    assert plain(equation(model)) == words


def test_parts_in_their_order():
    order = [part.label for part in parts(resnet())]
    assert order == ["3×3", "BN", "ReLU", "3×3", "BN", "+", "ReLU"]
    assert [p.label for p in parts(resnet(residual="off", norm="none"))] == [
        *("3×3", "ReLU"),
        *("3×3", "ReLU"),
    ]
    assert [p.label for p in parts(ModelConfig(family="mlp"))] == ["LN", "feed-fwd", "+"]


def test_drawings_say_how_often_and_from_where():
    model = resnet(blocks_per_stage=4)
    drawn = diagram(model)
    assert "× 16" in drawn
    assert drawn.count('class="arc"') == 1
    assert 'class="arc"' not in diagram(resnet(residual="off"))
    assert published(model) == "ResNet · He et al. 2016"
    assert published(resnet(residual="off")).startswith("plain network")
    assert title(model) == "One block, 16 times"


def test_what_a_loss_is_for(store: RunStore):
    text = store.create(RunConfig())
    image = store.create(RunConfig.model_validate({"model": {"family": "resnet"}}))
    assert units.unit_name([text]) == "character"
    assert units.unit_name([image]) == "image"
    assert units.unit_name([text, image]) == "prediction"
    assert units.baseline([image]) == "class entropy"
