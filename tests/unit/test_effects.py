"""Every switch says what it does to the equation and what to expect, whatever else is chosen."""

from __future__ import annotations

import itertools

import pytest

from core.config import PLACEMENTS, RunConfig, accepted, applies, choices, resolve
from core.config.effects import EFFECTS, effect
from core.config.wiring import SCALING_EFFECTS, SCALINGS
from core.language import Message

DEFAULTS = RunConfig().flat()
FAMILIES = ("transformer", "mlp", "resnet")
NUMBERS = {
    "model.depth": (1, 2, 12),
    "model.blocks_per_stage": (1, 5),
    "optimizer.warmup_steps": (0, 1, 200),
    "optimizer.learning_rate": (1e-3, 0.3),
}


def turned(family: str, **more: object) -> dict[str, object]:
    """The settings of a family after switches were turned one by one, as the page does it."""
    values = {**DEFAULTS, "model.family": family}
    values |= resolve(values, "model.family")
    for name, value in more.items():
        dotted = f"model.{name}"
        values[dotted] = value
        values |= resolve(values, dotted)
    return values


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dotted", EFFECTS)
@pytest.mark.parametrize("residual", ["on", "off"])
def test_every_option_has_both_lines(family, dotted, residual):
    values = turned(family, residual=residual)
    if applies(dotted, values):
        return
    options = accepted(dotted, choices(dotted), values) or NUMBERS[dotted]
    for option in options:
        now = {**values, dotted: option}
        now |= resolve(now, dotted)
        found = effect(dotted, now)
        assert found is not None, (dotted, option)
        assert found.equation, (dotted, option)
        assert found.expect, (dotted, option)
        assert len(found.expect) <= 112, found.expect
        assert found.expect.endswith("."), found.expect


def test_what_is_said_of_two_options_is_not_the_same():
    for dotted in (d for d in EFFECTS if choices(d)):
        for family in FAMILIES:
            values = turned(family)
            said = []
            for option in accepted(dotted, choices(dotted), values):
                now = {**values, dotted: option}
                said.append(effect(dotted, now | resolve(now, dotted)))
            assert len(set(said)) == len(said), (dotted, family)


def test_without_add_no_equation_has_the_skip():
    for placement in PLACEMENTS:
        found = effect(
            "model.placement", turned("transformer", placement=placement, residual="off")
        )
        assert found is not None
        assert "x + " not in found.equation
        assert "skip" not in found.expect


@pytest.mark.parametrize(
    ("placement", "residual", "equation"),
    [
        ("pre", "on", "y = x + F(N(x))"),
        ("post", "on", "y = N(x + F(x))"),
        ("post", "off", "y = N(F(x))"),
        ("sandwich", "off", "y = N(F(N(x)))"),
        ("none", "on", "y = x + F(x)"),
        ("none", "off", "y = F(x)"),
    ],
)
def test_equations_by_hand(placement, residual, equation):
    values = turned("transformer", placement=placement, residual=residual)
    found = effect("model.placement", values)
    assert found is not None
    assert found.equation == equation


def test_add_around_the_only_sublayer_is_add_around_all():
    for part, skip in itertools.product(("attention", "feedforward"), repeat=2):
        values = {**DEFAULTS, "model.sublayers": part, "model.residual": skip}
        same = {**values, "model.residual": "on" if part == skip else "off"}
        assert effect("model.residual", values) == effect("model.residual", same)


def test_what_post_is_to_expect_depends_on_how_it_starts():
    said = {
        init: effect("model.placement", turned("transformer", placement="post", init=init))
        for init in ("xavier", "gpt2")
    }
    assert said["xavier"] != said["gpt2"]
    deep = effect("model.placement", turned("transformer", scaling="deepnorm"))
    assert deep == SCALING_EFFECTS["deepnorm"]
    assert set(SCALING_EFFECTS) == set(SCALINGS)


def test_both_lines_are_said_in_the_readers_language_within_another_message_too():
    found = effect("model.residual", DEFAULTS)
    assert found is not None
    whole = Message("{equation}. {expect}", equation=found.equation, expect=found.expect)
    assert found.expect in whole
    assert found.expect not in whole.into("zh")
    assert found.equation in whole.into("zh")


def test_what_can_not_be_read_has_no_line():
    assert effect("model.placement", {**DEFAULTS, "model.placement": "of a newer version"}) is None
    assert effect("model.depth", {**DEFAULTS, "model.depth": "deep"}) is None
    assert effect("model.dropout", DEFAULTS) is None
