"""Post and pre stacks against torch.nn.TransformerEncoder in float64, values and gradients."""

import pytest
import torch
from torch import nn

from core import presets
from core.config import ModelConfig
from core.models import build_model

PLACES = {"post": ("attn.post", "mlp.post"), "pre": ("attn.pre", "mlp.pre")}


def reference(config: ModelConfig) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        config.hidden,
        dropout=config.dropout,
        activation=config.activation,
        layer_norm_eps=config.norm_epsilon,
        batch_first=True,
        norm_first=config.placement == "pre",
        bias=config.bias,
        dtype=torch.float64,
    )
    final = nn.LayerNorm(config.width, config.norm_epsilon, bias=config.bias, dtype=torch.float64)
    return nn.TransformerEncoder(
        layer,
        config.depth,
        norm=final if config.placement == "pre" else None,
        enable_nested_tensor=False,
    )


def names(config: ModelConfig) -> dict[str, str]:
    """Our parameter's name to torch's, for the blocks and the final norm."""
    modules = {"attn.f.out": "self_attn.out_proj", "mlp.f.w_in": "linear1"}
    modules["mlp.f.w_out"] = "linear2"
    modules |= dict(zip(PLACES[config.placement], ("norm1", "norm2"), strict=True))
    table = {}
    for leaf in ("weight", "bias") if config.bias else ("weight",):
        for i in range(config.depth):
            table[f"blocks.{i}.attn.f.qkv.{leaf}"] = f"layers.{i}.self_attn.in_proj_{leaf}"
            for ours, theirs in modules.items():
                table[f"blocks.{i}.{ours}.{leaf}"] = f"layers.{i}.{theirs}.{leaf}"
        if config.has_final_norm:
            table[f"final_norm.{leaf}"] = f"norm.{leaf}"
    return table


@pytest.mark.parametrize("placement", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize(("depth", "heads", "bias"), [(1, 1, True), (2, 4, True), (5, 2, False)])
def test_equals_transformer_encoder(placement, activation, depth, heads, bias):
    config = ModelConfig(
        depth=depth,
        width=16,
        heads=heads,
        context=10,
        placement=placement,
        activation=activation,
        bias=bias,
        init="torch",
        feedforward_width=24,
    )
    torch.manual_seed(depth)
    ours, theirs = build_model(config, 11).double(), reference(config)
    for parameter in ours.parameters():  # norms too, so that a forgotten gain shows
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    mine, others = dict(ours.named_parameters()), dict(theirs.named_parameters())
    table = names(config)
    assert sorted(table.values()) == sorted(others)
    with torch.no_grad():
        for a, b in table.items():
            others[b].copy_(mine[a])

    x = torch.randn(3, 10, 16, dtype=torch.float64)
    weigh = torch.randn_like(x)
    x_ours, x_theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = x_ours
    for block in ours.blocks:
        y = block(y)
    y = ours.final_norm(y)
    mask = nn.Transformer.generate_square_subsequent_mask(10, dtype=torch.float64)
    z = theirs(x_theirs, mask=mask, is_causal=True)

    torch.testing.assert_close(y, z, atol=1e-10, rtol=1e-10)
    (y * weigh).sum().backward()
    (z * weigh).sum().backward()
    torch.testing.assert_close(x_ours.grad, x_theirs.grad, atol=1e-10, rtol=1e-10)
    for a, b in table.items():
        torch.testing.assert_close(mine[a].grad, others[b].grad, atol=1e-10, rtol=1e-10, msg=a)


def test_dropout_sits_where_torch_has_it():
    """Both networks draw the same number of masks, of the same sizes, in the same order."""
    config = ModelConfig(depth=2, width=8, heads=2, context=6, dropout=0.5, placement="post")
    ours, theirs = build_model(config, 7), reference(config).float()
    # One sequence: torch keeps a batch time-first inside, and so lays its masks out differently.
    x = torch.randn(1, 6, 8)
    table, others = names(config), dict(theirs.named_parameters())
    with torch.no_grad():
        for a, b in table.items():
            others[b].copy_(dict(ours.named_parameters())[a])
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    torch.manual_seed(5)
    y = x
    for block in ours.blocks:
        y = block(y)
    torch.manual_seed(5)
    z = theirs(x, mask=mask, is_causal=True)
    torch.testing.assert_close(y, z)
    # The embedding has one too, and evaluation has none.
    tokens = torch.randint(7, (2, 6))
    embed = ours.trace(tokens)["embed"]
    assert 0.2 < (embed == 0).float().mean() < 0.8
    ours.eval()
    assert not (ours.trace(tokens)["embed"] == 0).any()
    assert torch.equal(ours(tokens), ours(tokens))


class Tutorial(nn.Module):
    """The tutorials' TransformerModel, with the positions and the causal mask that it meant."""

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        super().__init__()
        self.width = config.width
        self.encoder = nn.Embedding(vocabulary, config.width, dtype=torch.float64)
        self.transformer_encoder = reference(config)
        self.decoder = nn.Linear(config.width, vocabulary, dtype=torch.float64)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        position = torch.arange(length, dtype=torch.float64)[:, None]
        rate = 10000.0 ** (-torch.arange(0, self.width, 2, dtype=torch.float64) / self.width)
        positions = torch.zeros(length, self.width, dtype=torch.float64)
        positions[:, 0::2], positions[:, 1::2] = (position * rate).sin(), (position * rate).cos()
        x = self.encoder(tokens) * self.width**0.5 + positions
        mask = torch.full((length, length), -torch.inf, dtype=torch.float64).triu(1)
        return self.decoder(self.transformer_encoder(x, mask))


def test_the_preset_classic_is_the_tutorials_network():
    config = presets.load("classic").config.model
    torch.manual_seed(0)
    ours, theirs = build_model(config, 65).double().eval(), Tutorial(config, 65).eval()
    mine, others = dict(ours.named_parameters()), dict(theirs.named_parameters())
    table = {n: f"transformer_encoder.{theirs}" for n, theirs in names(config).items()}
    table |= {"token.weight": "encoder.weight"}
    table |= {f"head.{leaf}": f"decoder.{leaf}" for leaf in ("weight", "bias")}
    assert sorted(table) == sorted(mine)
    with torch.no_grad():
        for a, b in table.items():
            others[b].copy_(mine[a])
    assert mine["token.weight"].abs().max() <= 0.1
    assert (mine["head.bias"] == 0).all()
    tokens = torch.randint(0, 65, (2, config.context))
    # The table of positions is made in float32.
    torch.testing.assert_close(ours(tokens), theirs(tokens), rtol=0, atol=1e-6)
