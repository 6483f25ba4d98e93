"""Operations against the networks that they say they make."""

import copy

import pytest
import torch
from torch import Tensor, nn

from core.anatomy.interventions import mean_outputs, operated
from core.anatomy.operations import Operation, norm_places, read, skips, whole_norms
from core.config import ModelConfig
from core.models import build_model
from core.models.transformer import Transformer
from tests.subjects import VOCABULARY, network, some_tokens, wirings

WIRINGS = wirings(18)
NAMES = [f"{c.placement}-{c.norm}-{c.scaling}-{c.residual}" for c in WIRINGS]
every_wiring = pytest.mark.parametrize("config", WIRINGS, ids=NAMES)


def everything(config: ModelConfig) -> list[dict[str, object]]:
    """Every operation that this network has, but for its numbers."""
    layers = range(config.depth)
    one: list[dict[str, object]] = []
    for layer in layers:
        for target in ("attention", "feedforward"):
            one += [{"target": target, "layer": layer, "action": a} for a in ("off", "mean")]
        one += [
            {"target": "head", "layer": layer, "head": head, "action": action}
            for head in range(config.heads)
            for action in ("off", "mean")
        ]
        one += [{"target": "norm", "layer": layer, "place": p} for p in norm_places(config, layer)]
        one += [{"target": "residual", "layer": layer, "sublayer": s} for s in skips(config, layer)]
        one += [{"target": "block", "layer": layer, "action": "off"}]
        if layer < config.depth - 1 and not (layer == 0 and config.value_residual):
            one += [{"target": "block", "layer": layer, "action": "swap"}]
    one += [{"target": "norm", "place": place} for place in whole_norms(config)]
    return [{"action": "off", **operation} for operation in one]


def after(model: nn.Module, tokens: Tensor, *operations: dict[str, object]) -> Tensor:
    assert isinstance(model, Transformer)
    read_ones = [read(model.config, one) for one in operations]
    with torch.no_grad():
        means = mean_outputs(model, read_ones, [tokens])
        with operated(model, read_ones, means) as changed:
            return changed(tokens)


@every_wiring
def test_nothing_changes_nothing_and_all_is_put_back(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config)
    tree = [(name, type(part)) for name, part in model.named_modules()]
    whole = model(tokens)
    assert torch.equal(after(model, tokens), whole)
    for operation in everything(config):
        changed = after(model, tokens, operation)
        assert changed.shape == whole.shape, operation
        assert [(name, type(part)) for name, part in model.named_modules()] == tree, operation
        assert torch.equal(model(tokens), whole), operation
        assert model.first.values is None


@every_wiring
def test_a_scale_of_one_is_the_identity(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config)
    for layer in range(config.depth):
        ones = [{"target": t, "layer": layer} for t in ("attention", "feedforward")]
        ones += [{"target": "head", "layer": layer, "head": h} for h in range(config.heads)]
        ones += [
            {"target": "residual", "layer": layer, "sublayer": s} for s in skips(config, layer)
        ]
        for one in ones:
            same = after(model, tokens, {**one, "action": "scale", "scale": 1})
            assert torch.equal(same, model(tokens)), one


@every_wiring
@pytest.mark.parametrize("part", ["attention", "feedforward"])
def test_all_of_a_kind_off_is_the_same_model_with_its_last_matrix_zero(
    config: ModelConfig, part: str
) -> None:
    model, tokens = network(config), some_tokens(config)
    off = [{"target": part, "layer": i, "action": "off"} for i in range(config.depth)]
    zero = copy.deepcopy(model)
    for block in zero.blocks:
        last = block.attn.f.out if part == "attention" else block.mlp.f.w_out
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
    assert torch.equal(after(model, tokens, *off), zero(tokens))
    assert not torch.equal(after(model, tokens, off[0]), model(tokens))


@pytest.mark.parametrize(
    "config",
    # Sub-LN has a norm before W_O, which gives its own bias for heads that are 0.
    [config for config in WIRINGS if config.placement != "sublayer"],
)
def test_all_heads_off_leave_the_bias_of_w_o(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config)
    zero, off = copy.deepcopy(model), []
    for layer, block in enumerate(zero.blocks):
        nn.init.zeros_(block.attn.f.out.weight)
        off += [{"target": "head", "layer": layer, "head": h, "action": "off"} for h in range(2)]
    torch.testing.assert_close(after(model, tokens, *off), zero(tokens))


@every_wiring
def test_a_scaled_sublayer_is_one_with_a_scaled_last_matrix(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config)
    twice = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twice.blocks[1].mlp.f.w_out.parameters():
            parameter.mul_(2.5)
    one = {"target": "feedforward", "layer": 1, "action": "scale", "scale": 2.5}
    torch.testing.assert_close(after(model, tokens, one), twice(tokens))


@every_wiring
def test_without_any_block_the_embedding_goes_to_the_head(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config)
    off = [{"target": "block", "layer": i, "action": "off"} for i in range(config.depth)]
    direct = model.head(model.final_norm(model.trace(tokens)["embed"]))
    torch.testing.assert_close(after(model, tokens, *off), direct)


@every_wiring
def test_a_mean_over_a_single_place_is_the_value_itself(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config, windows=1)[:, :1]
    for layer in range(config.depth):
        for one in ({"target": "attention"}, {"target": "feedforward"}, {"target": "head"}):
            mean = {**one, "layer": layer, "action": "mean"}
            if one["target"] == "head":
                mean["head"] = 1
            torch.testing.assert_close(after(model, tokens, mean), model(tokens))


@every_wiring
def test_mean_ablation_puts_the_mean_over_windows_and_positions_in(config: ModelConfig) -> None:
    model, tokens = network(config), some_tokens(config)
    seen = model.trace(tokens)["blocks.0.mlp.out"].mean((0, 1))  # (D,)

    def put_in(name: str, tensor: Tensor) -> Tensor:
        return seen.expand_as(tensor) if name == "blocks.0.mlp.out" else tensor

    one = {"target": "feedforward", "layer": 0, "action": "mean"}
    torch.testing.assert_close(after(model, tokens, one), model(tokens, put_in))


def same_weights(config: ModelConfig, model: nn.Module) -> nn.Module:
    """Another network with every tensor that it shares with `model`."""
    other = build_model(config, VOCABULARY).double().eval()
    kept = other.state_dict()
    other.load_state_dict({**kept, **{n: t for n, t in model.state_dict().items() if n in kept}})
    return other


@pytest.mark.parametrize("placement", ["pre", "post", "sandwich", "reordered", "hybrid"])
def test_all_norms_off_is_the_network_without_norms(placement: str) -> None:
    (config,) = wirings(
        1, placement=placement, norm="layer", scaling="one", embedding_norm=True, positions="none"
    )
    model, tokens = network(config), some_tokens(config)
    off = [
        {"target": "norm", "layer": i, "place": place, "action": "off"}
        for i in range(config.depth)
        for place in norm_places(config, i)
    ]
    off += [{"target": "norm", "place": place, "action": "off"} for place in whole_norms(config)]
    bare = config.model_dump() | {
        "placement": "none",
        "norm": "none",
        "final_norm": "auto",
        "embedding_norm": False,
        "qk_norm": "off",
    }
    without = same_weights(ModelConfig.model_validate(bare), model)
    torch.testing.assert_close(after(model, tokens, *off), without(tokens))


@pytest.mark.parametrize("placement", ["pre", "post", "sandwich"])
def test_all_residuals_off_is_the_network_without_residuals(placement: str) -> None:
    (config,) = wirings(
        1, placement=placement, norm="rms", scaling="one", residual="on", positions="learned"
    )
    model, tokens = network(config), some_tokens(config)
    off = [
        {"target": "residual", "layer": i, "sublayer": part, "action": "off"}
        for i in range(config.depth)
        for part in skips(config, i)
    ]
    bare = ModelConfig.model_validate(config.model_dump() | {"residual": "off"})
    without = same_weights(bare, model)
    torch.testing.assert_close(after(model, tokens, *off), without(tokens))


def test_swapped_neighbours_have_exchanged_their_weights() -> None:
    (config,) = wirings(
        1, placement="pre", norm="layer", scaling="one", value_residual=False, depth=4
    )
    model, tokens = network(config), some_tokens(config)
    exchanged = copy.deepcopy(model)
    first, second = exchanged.blocks[1], exchanged.blocks[2]
    kept = copy.deepcopy(first.state_dict())
    first.load_state_dict(second.state_dict())
    second.load_state_dict(kept)
    swap = {"target": "block", "layer": 1, "action": "swap"}
    torch.testing.assert_close(after(model, tokens, swap), exchanged(tokens))
    assert not torch.allclose(after(model, tokens, swap), model(tokens))
    # The same exchange again puts them back.
    assert torch.equal(after(model, tokens, swap, swap), model(tokens))


def test_operations_add_up_on_one_part() -> None:
    (config,) = wirings(1, placement="pre", norm="layer", scaling="one")
    model, tokens = network(config), some_tokens(config)
    half = {"target": "head", "layer": 0, "head": 1, "action": "scale", "scale": 0.5}
    quarter = {**half, "scale": 0.25}
    off = {"target": "attention", "layer": 0, "action": "off"}
    torch.testing.assert_close(
        after(model, tokens, half, half), after(model, tokens, quarter), rtol=0, atol=1e-12
    )
    assert torch.equal(after(model, tokens, off, half), after(model, tokens, off))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"target": "neuron", "layer": 0, "action": "off"}, "target is 'neuron'"),
        ({"target": "head", "layer": 0, "head": 0, "action": "swap"}, "off, scale, mean"),
        ({"target": "head", "layer": 0, "head": 2, "action": "off"}, "head is 2; accepted: 0 to 1"),
        ({"target": "head", "layer": 9, "head": 0, "action": "off"}, "layer is 9"),
        ({"target": "head", "layer": True, "head": 0, "action": "off"}, "layer is True"),
        ({"target": "attention", "layer": 0, "action": "scale"}, "needs a scale"),
        ({"target": "attention", "layer": 0, "action": "off", "heat": 1}, "there is no heat"),
        (
            {"target": "norm", "layer": 0, "place": "attention.post", "action": "off"},
            "attention.pre",
        ),
        ({"target": "norm", "place": "embedding", "action": "off"}, "no embedding norm"),
        (
            {"target": "residual", "layer": 1, "sublayer": "attention", "action": "off"},
            "feedforward",
        ),
        ({"target": "block", "layer": 2, "action": "swap"}, "is the last"),
        ({"target": "block", "layer": 0, "action": "swap"}, "value residual"),
        ("head 1.1", "is not an object"),
    ],
)
def test_what_is_impossible_is_said_in_a_sentence(one: object, words: str) -> None:
    config = ModelConfig(
        depth=3, heads=2, width=8, value_residual=True, residual="feedforward", placement="pre"
    )
    with pytest.raises(ValueError, match=r"^operations: ") as refused:
        read(config, one)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_operations_are_said_in_words() -> None:
    said = [
        Operation("head", "off", 3, 2).words,
        Operation("feedforward", "scale", 1, scale=0.5).words,
        Operation("norm", "off", 3, place="attention.pre").words,
        Operation("norm", "off", place="final").words,
        Operation("residual", "off", 2, sublayer="feedforward").words,
        Operation("block", "swap", 1).words,
    ]
    assert said == [
        "head 3.2 off",
        "feed-forward 1 × 0.5",
        "norm attention.pre of layer 3 off",
        "norm final off",
        "residual past feed-forward 2 off",
        "block 1 swapped with 2",
    ]


def test_people_read_operations_counted_from_1() -> None:
    said = [
        Operation("head", "off", 3, 2).said(),
        Operation("norm", "off", 3, place="attention.pre").said(),
        Operation("norm", "off", place="final").said(),
        Operation("block", "swap", 1).said(),
    ]
    assert said == [
        "head 4.3 off",
        "norm attention.pre of layer 4 off",
        "norm final off",
        "block 2 swapped with 3",
    ]
