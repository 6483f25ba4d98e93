"""Hundreds of random settings: what is possible builds and learns, what is not is refused."""

import itertools
import random
from collections.abc import Iterator

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from core.config import ModelConfig, RunConfig, choices, conflicts, explain, impossible
from core.config.families import accepted
from core.models import build_model, parameter_groups, profile

CHOICES = (
    "residual",
    "placement",
    "norm",
    "scaling",
    "positions",
    "activation",
    "init",
    "qk_norm",
    "sublayers",
    "final_norm",
)
SWITCHES = (
    "bias",
    "head_bias",
    "tie_embeddings",
    "embedding_scale",
    "embedding_norm",
    "value_residual",
    "causal",
)
TRANSFORMER = {"model.family": "transformer", "data.corpus": ""}
WIRING = ("residual", "placement", "norm", "scaling")


def words(field: str) -> tuple[str, ...]:
    return accepted(f"model.{field}", choices(f"model.{field}"), TRANSFORMER)


def draw(rng: random.Random) -> dict[str, object]:
    heads = rng.choice([1, 2, 3])
    values: dict[str, object] = {
        "depth": rng.randint(1, 6),
        "heads": heads,
        "width": heads * rng.randint(2, 5),
        "context": rng.randint(1, 7),
        "feedforward_width": rng.choice(["auto", 1, 7]),
        "dropout": rng.choice([0.0, 0.3]),
        **{field: rng.choice(words(field)) for field in CHOICES},
        **{field: rng.random() < 0.5 for field in SWITCHES},
    }
    if rng.random() < 0.7:  # half of all norms are none otherwise, and most of that is impossible
        values |= {"norm": rng.choice(words("norm")[:-1])}
    if values["norm"] == "none" and rng.random() < 0.9:
        values |= {"placement": "none", "final_norm": "auto", "embedding_norm": False}
        values |= {
            "qk_norm": rng.choice(["off"] * 9 + ["head"]),
            "scaling": rng.choice(["one", "rezero", "layerscale"]),
        }
    if values["placement"] == "post" and rng.random() < 0.5:
        values["scaling"] = rng.choice(["deepnorm", "admin"])
    if rng.random() < 0.4:
        some = rng.sample(WIRING, rng.randint(1, 2))
        first = rng.randint(0, 5)
        layers = rng.choice([str(first), f"{first}-{rng.randint(first, 5)}"])
        values["overrides"] = [{"layers": layers, **{f: rng.choice(words(f)) for f in some}}]
    return values


def drawn(seed: int, count: int) -> Iterator[dict[str, object]]:
    rng = random.Random(seed)
    return (draw(rng) for _ in range(count))


def names_of(config: ModelConfig) -> list[str]:
    """The contract's names, in the order of computation."""
    found = ["embed"]
    attention, feedforward = (
        config.sublayers in ("both", kind) for kind in ("attention", "feedforward")
    )
    for i in range(config.depth):
        inside = ["resid_pre"]
        if attention:
            inside += [f"attn.{n}" for n in ("q", "k", "v", "scores", "pattern", "out", "sum")]
        if attention and feedforward:
            inside.append("resid_mid")
        if feedforward:
            inside += [f"mlp.{n}" for n in ("pre", "post", "out", "sum")]
        found += [f"blocks.{i}.{name}" for name in (*inside, "resid_post")]
    return [*found, "final_norm.out", "logits"]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_possible_builds_and_learns(seed):
    torch.set_num_threads(1)
    tried = 0
    for values in drawn(seed, 120):
        try:
            config = ModelConfig(**values)
        except ValidationError:
            continue
        tried += 1
        run = RunConfig(model=config)
        assert RunConfig.model_validate_json(run.model_dump_json()) == run
        assert RunConfig.from_flat(run.flat()) == run
        torch.manual_seed(seed)
        model = build_model(config, 6)
        tokens = torch.randint(6, (2, config.context))
        profile(model, tokens)
        model.eval()
        trace = model.trace(tokens)
        assert list(trace) == names_of(config), values
        logits = model(tokens)
        torch.testing.assert_close(logits, trace["logits"], atol=1e-4, rtol=1e-4, equal_nan=True)
        if config.causal and config.context > 1:
            changed = tokens.clone()
            changed[:, -1] = (changed[:, -1] + 1) % 6
            assert torch.allclose(model(changed)[:, :-1], logits[:, :-1], atol=1e-5), values
        model.train()
        loss = F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
        loss.backward()
        # At this depth nothing overflows, so nothing may be anything but a number.
        assert loss.isfinite(), values
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, (name, values)
            assert parameter.grad.isfinite().all(), (name, values)
        groups = parameter_groups(model)
        pieces = [
            (name, rows)
            for group, layers in groups.items()
            if group != "block"
            for name, _, rows in itertools.chain(*layers)
        ]
        assert len(set(map(str, pieces))) == len(pieces), "each parameter once"
        assert {name for name, _ in pieces} == {name for name, _ in model.named_parameters()}
        assert ("attn.q" in groups) == (config.sublayers != "feedforward")
        assert ("mlp.in" in groups) == (config.sublayers != "attention")
    assert tried >= 20


def test_what_is_impossible_names_its_field():
    refused = set()
    for values in drawn(99, 1500):
        try:
            RunConfig(model=values)
        except ValidationError as error:
            sentence = explain(error)
            assert sentence.startswith("model."), sentence
            field = sentence.split(":")[0].split(".")[1]
            assert field in ModelConfig.model_fields, sentence
            refused.add(field)
    assert refused >= {"placement", "norm", "scaling", "overrides", "positions", "qk_norm"}


def test_what_the_page_calls_impossible_is_what_is_refused():
    for values in drawn(5, 60):
        try:
            config = ModelConfig(**values)
        except ValidationError:
            continue
        fields = {name: getattr(config, name) for name in ModelConfig.model_fields}
        for field in CHOICES:
            reasons = impossible(fields, field)
            for word in choices(f"model.{field}"):
                try:
                    ModelConfig(**{**values, field: word})
                except ValidationError:
                    assert word in reasons, (field, word, values)
                else:
                    assert word not in reasons, (field, word, values)
        assert not list(conflicts(config))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"scaling": "deepnorm"}, "model.scaling: deepnorm needs placement post"),
        ({"placement": "post", "scaling": "lns"}, "model.scaling: lns needs placement pre"),
        ({"scaling": "rezero"}, "model.scaling: rezero needs placement none"),
        ({"placement": "mix", "scaling": "admin"}, "accepted with placement mix: one, gpt2, lay"),
        (
            {"placement": "none", "norm": "none", "qk_norm": "head"},
            "model.qk_norm: head needs a norm; accepted with norm none: off",
        ),
        (
            {"placement": "none", "norm": "none", "embedding_norm": True},
            "model.embedding_norm: true needs a norm",
        ),
        ({"depth": 4, "overrides": "4: residual=off"}, "beyond model.depth 4; accepted: layers 0"),
        ({"overrides": "3: placement=none"}, "model.overrides: layer 3: norm layer needs a place"),
        ({"overrides": "3: norm=batch"}, "model.overrides: layer 3: norm batch is not for"),
        ({"overrides": "3: width=4"}, "accepted: layers, residual, placement, norm, scaling"),
        (
            {"overrides": "3-1: norm=rms"},
            "is not a layer or a range of layers; accepted: one, as 5, or some, as 0-3",
        ),
        ({"overrides": "many"}, "accepted: 1-3: placement=post; 5: residual=off"),
        ({"overrides": '[{"layers": 2}]'}, "name any of residual, placement, norm, scaling"),
    ],
)
def test_refusals_say_what_would_be_accepted(values, sentence):
    with pytest.raises(ValidationError) as refusal:
        RunConfig(model=values)
    assert sentence in explain(refusal.value)


def test_the_last_override_wins():
    config = ModelConfig(overrides="0-3: placement=post, residual=off; 2: placement=sandwich")
    assert [config.at(i).placement for i in range(6)] == [
        *("post", "post", "sandwich", "post", "pre", "pre")
    ]
    assert config.at(2).residual == "off"
    same = ModelConfig(overrides=[o.model_dump() for o in config.overrides])
    assert same == config
    assert ModelConfig(overrides=[{"layers": 5, "residual": False}]).at(5).residual == "off"


@pytest.mark.parametrize(("depth", "post"), [(1, 0), (3, 0), (4, 1), (6, 1), (12, 3)])
def test_mix_is_post_in_the_first_quarter(depth, post):
    config = ModelConfig(depth=depth, placement="mix")
    placements = [config.at(i).placement for i in range(depth)]
    assert placements == ["post"] * post + ["pre"] * (depth - post)
    assert config.has_final_norm
