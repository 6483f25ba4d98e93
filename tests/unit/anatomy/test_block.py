"""One layer step by step: every wiring's steps are its own, and their numbers are the trace's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from core.anatomy import KINDS, Silent
from core.anatomy.block_steps import ORDER, beside, observables, other_wiring, steps, words
from core.anatomy.step_through import block
from core.config import ModelConfig
from core.config.norms import TRAINED, norm_equation
from core.models import norms
from core.runs import RunStore
from tests.subjects import network, some_tokens, subject_of, wirings

POST = ModelConfig(depth=2, width=8, heads=2, context=6, placement="post")
PRE = ModelConfig(depth=2, width=8, heads=2, context=6)


def equations(model: ModelConfig, layer: int = 0) -> dict[str, str]:
    return {step.key: words(step.equation) for step in steps(model, layer)}


@pytest.mark.parametrize("sublayers", ["both", "attention", "feedforward"])
def test_every_observable_of_a_layer_is_one_steps(sublayers: str) -> None:
    """In the order of the trace, in networks of every placement and whatever else comes."""
    for model in wirings(27, sublayers=sublayers):
        net = network(model)
        trace = net.trace(some_tokens(model, 1))
        for layer in range(model.depth):
            found = steps(model, layer)
            names = [name for name in trace if name.startswith(f"blocks.{layer}.")]
            assert list(observables(found)) == names
            assert [step.key for step in found] == sorted(
                (step.key for step in found), key=ORDER.index
            )
            for step in found:
                first, *others = [trace[name] for name in step.observables] or [None]
                assert all(torch.equal(first, other) for other in others)
                assert bool(step.observables) != bool(step.made_of)


def test_a_step_is_there_just_where_the_layer_has_the_part() -> None:
    for model in wirings(27):
        net = network(model)
        for layer in range(model.depth):
            keys = {step.key for step in steps(model, layer)}
            for part in ("attn", "mlp"):
                sublayer = getattr(net.blocks[layer], part)
                for key, module in (
                    ("norm", sublayer.pre), ("inner", sublayer.inner), ("scale", sublayer.scale),
                    ("leaves", sublayer.post),
                ):  # fmt: skip
                    assert (f"{part}.{key}" in keys) == (not isinstance(module, nn.Identity))


def test_numbers_are_the_traces_and_the_equations_hold(store: RunStore) -> None:
    """Of a trained network; sums, softmax and products are done again by hand."""
    subject = subject_of(store, 5, model__placement="post", model__scaling="deepnorm")
    asked = KINDS["block"].check("block", {"layer": 1, "head": 1}, subject.wiring)
    answer = block(subject, asked, Silent())
    ids = torch.tensor([answer.result["ids"]])
    assert ids.shape == (1, 8)
    trace = subject.transformer.trace(ids)
    for step in answer.result["steps"]:
        shown = answer.arrays[step["key"].replace(".", "_")]
        for name in step["observables"]:
            whole = trace[name][0].detach()
            np.testing.assert_array_equal(shown, whole[1] if step["by_head"] else whole)
    a = answer.arrays
    assert a["attn_scores"][0, 1] == -np.inf
    np.testing.assert_allclose(a["attn_pattern"].sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(a["attn_head"], a["attn_pattern"] @ a["attn_v"], atol=1e-6)
    alpha = 4**0.25
    np.testing.assert_allclose(a["attn_sum"], alpha * a["x"] + a["attn_out"], rtol=1e-5, atol=1e-6)
    normed = (a["attn_sum"] - a["attn_sum"].mean(1, keepdims=True)) / a["attn_sum"].std(
        1, keepdims=True
    )
    post = subject.transformer.blocks[1].attn.post
    normed = normed * post.weight.detach().numpy() + post.bias.detach().numpy()
    np.testing.assert_allclose(a["attn_leaves"], normed, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("placement", ["pre", "sandwich", "none", "normformer", "hybrid"])
@pytest.mark.parametrize("residual", ["on", "off"])
def test_what_the_trace_lacks_leads_to_what_it_has(
    store: RunStore, placement: str, residual: str
) -> None:
    """The norm before gives the trace's queries, the branch and the stream give its sum."""
    scaling = "rezero" if placement == "none" else "layerscale"
    subject = subject_of(
        store,
        4,
        model__placement=placement,
        model__norm="none" if placement == "none" else "rms",
        model__scaling=scaling,
        model__residual=residual,
    )
    answer = block(subject, KINDS["block"].check("block", {}, subject.wiring), Silent())
    a = answer.arrays
    read = a.get("attn_norm", a["x"])
    rows = subject.transformer.blocks[0].attn.f.qkv
    values = read @ rows.weight.detach().numpy()[32:40].T + rows.bias.detach().numpy()[32:40]
    if placement != "hybrid":
        np.testing.assert_allclose(values, a["attn_v"], rtol=1e-3, atol=1e-5)
    branch = a["attn_scale"]
    stream = a["x"] if residual == "on" else 0
    np.testing.assert_allclose(stream + branch, a["attn_sum"], rtol=1e-4, atol=1e-6)


def test_the_tutorials_equations() -> None:
    """Y′ = LayerNorm(Y + X), Z′ = LayerNorm(Z + Y′) of post-LN; and where pre-LN differs."""
    post, pre = equations(POST), equations(PRE)
    assert post["attn.q"] == "Q = X W_Q + b_Q"
    assert post["attn.scores"] == "A = Q Kᵀ / √4, −∞ where j > i"
    assert post["attn.pattern"] == "W = softmax(A)"
    assert post["attn.head"] == "Y₁ = W V"
    assert post["attn.out"] == "Y = [Y₁ Y₂] W_O + b_O"
    assert (post["attn.sum"], post["attn.leaves"]) == ("S = X + Y", "Y′ = LN( S )")
    assert (post["mlp.sum"], post["mlp.leaves"]) == ("S′ = Y′ + Z", "Z′ = LN( S′ )")
    assert pre["attn.norm"] == "N = LN( X )"
    assert pre["attn.q"] == "Q = N W_Q + b_Q"
    assert (pre["attn.sum"], pre["mlp.sum"]) == ("Y′ = X + Y", "Z′ = Y′ + Z")
    assert "attn.leaves" not in pre


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"residual": "off"}, "attn.sum", "Y′ = Y"),
        ({"placement": "sandwich"}, "mlp.inner", "M′ = LN( Z )"),
        ({"placement": "sandwich"}, "mlp.sum", "Z′ = Y′ + M′"),
        ({"placement": "reordered", "norm": "rms"}, "attn.sum", "Y′ = X + M"),
        ({"placement": "sublayer"}, "attn.out", "Y = LN( [Y₁ Y₂] ) W_O + b_O"),
        ({"placement": "sublayer"}, "mlp.out", "Z = LN( H ) W_out + b"),
        ({"placement": "normformer"}, "attn.out", "Y = [γ₁Y₁ γ₂Y₂] W_O + b_O"),
        ({"placement": "hybrid"}, "attn.v", "V = LN( X W_V + b_V )"),
        ({"placement": "hybrid"}, "mlp.sum", "Z′ = Y′ + Z"),
        ({"placement": "none", "norm": "none", "scaling": "rezero"}, "attn.scale", "C = α Y"),
        ({"placement": "post", "scaling": "deepnorm"}, "attn.sum", "S = α X + Y,  α = 1.414"),
        ({"placement": "post", "scaling": "admin"}, "attn.sum", "S = ω ⊙ X + Y"),
        ({"scaling": "lns"}, "attn.norm", "N = LN( X ) / √2"),
        ({"scaling": "layerscale"}, "mlp.sum", "Z′ = Y′ + C′"),
        ({"qk_norm": "head"}, "attn.q", "Q = LN( N W_Q + b_Q )"),
        ({"positions": "rotary"}, "attn.k", "K = rotate( N W_K + b_K )"),
        ({"value_residual": True}, "attn.v", "V = ½ (N W_V + b_V) + ½ V of layer 1"),
        ({"activation": "swiglu", "bias": False}, "mlp.post", "H = SiLU(U) ⊙ (N′ W_in)"),
        ({"overrides": "1: placement=post"}, "attn.leaves", "Y′ = LN( S )"),
    ],
)
def test_an_equation_is_the_wirings_own(changes: dict[str, object], key: str, said: str) -> None:
    model = ModelConfig.model_validate({**PRE.model_dump(), **changes})
    assert equations(model, layer=1)[key] == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "LN(x) = γ ⊙ (x − μ)/σ + β, trained: γ, β"),
        ({"bias": False}, "LN(x) = γ ⊙ (x − μ)/σ, trained: γ"),
        ({"norm": "rms"}, "RMS(x) = γ ⊙ x/rms(x), trained: γ"),
        ({"norm": "dyt"}, "DyT(x) = γ ⊙ tanh(αx) + β, trained: γ, β, α"),
    ],
)
def test_a_norm_says_what_it_does_and_what_is_trained_in_it(changes, said) -> None:
    model = ModelConfig.model_validate({**PRE.model_dump(), **changes})
    for step in steps(model, 1):
        has_norm = any(kind == "norm" for kind, _ in step.equation)
        assert step.where == (said if has_norm else ""), step.key


@pytest.mark.parametrize("norm", ["layer", "rms", "dyt"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_letters_that_are_trained_are_the_modules_own(norm, bias) -> None:
    letters = norm_equation(norm, bias)[1].split(", ")
    built = norms.norm(ModelConfig(norm=norm, bias=bias, width=8, heads=2))
    trained = [name for name, _ in built.named_parameters()]
    assert sorted(letters) == sorted(TRAINED[name] for name in trained)


def test_two_wirings_stand_side_by_side() -> None:
    lanes = [steps(PRE, 0), steps(other_wiring(PRE, 0), 0)]
    rows = beside(lanes)
    pairs = [tuple(None if i is None else lane[i].key for lane, i in zip(lanes, row, strict=True))
             for row in rows]  # fmt: skip
    assert [pair for pair in pairs if None in pair] == [
        ("attn.norm", None), (None, "attn.leaves"), ("mlp.norm", None), (None, "mlp.leaves"),
    ]  # fmt: skip
    assert all(a == b for a, b in pairs if a and b)


def test_the_other_wiring_is_post_and_of_post_pre() -> None:
    for model in wirings(27):
        for layer in range(model.depth):
            other = other_wiring(model, layer).at(layer)
            assert other.placement == ("pre" if model.at(layer).placement == "post" else "post")
            assert other.residual == "on"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"layer": 2}, "layer is 2; accepted: 0 to 1"),
        ({"head": 2}, "head is 2; accepted: 0 to 1"),
        ({"layer": -1}, "layer is -1; accepted: a whole number from 0 to 100000"),
    ],
)
def test_what_the_network_lacks_is_refused(given: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        KINDS["block"].check("block", given, PRE)


def test_a_long_text_is_refused(store: RunStore) -> None:
    subject = subject_of(store)
    asked = KINDS["block"].check("block", {"text": "the norm of"}, subject.wiring)
    with pytest.raises(ValueError, match="text has 11 characters; one layer step by step shows"):
        block(subject, asked, Silent())
