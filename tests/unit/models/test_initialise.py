"""Initial weights: every scheme's spread, shared by twins, global generator untouched.

`uniform` is compared with PyTorch's tutorial, built from torch's own modules, tensor by tensor.
"""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from core import presets
from core.config import ModelConfig, choices
from core.models import build_model

BASE = {"depth": 3, "width": 12, "heads": 2, "context": 8}
SWITCHES = {
    "residual": choices("model.residual"),
    "placement": choices("model.placement"),
    "norm": choices("model.norm"),
    "activation": choices("model.activation"),
    "positions": choices("model.positions"),
    "scaling": choices("model.scaling"),
    "init": choices("model.init"),
    "depth": (1, 5),
    "heads": (1, 3),
    "context": (5,),
    "feedforward_width": (7,),
    "dropout": (0.3,),
    "bias": (True, False),
    "head_bias": (True, False),
    "tie_embeddings": (True, False),
    "embedding_scale": (True, False),
    "embedding_norm": (True, False),
    "qk_norm": choices("model.qk_norm"),
    "value_residual": (True,),
    "causal": (False,),
    "sublayers": choices("model.sublayers"),
    "overrides": ("0: residual=off; 1-2: placement=sandwich",),
    "final_norm": choices("model.final_norm"),
    "norm_epsilon": (1e-3,),
    "rotary_base": (500.0,),
}


def tensors(config: ModelConfig, seed: int = 1) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {n: p.detach() for n, p in build_model(config, 9).named_parameters()}


def possible(**values) -> ModelConfig | None:
    if values.get("norm") == "none" or values.get("placement") == "none":
        values |= {"norm": "none", "placement": "none", "final_norm": "auto"}
    try:
        return ModelConfig(**values)
    except ValidationError:
        return None


@pytest.mark.parametrize("init", choices("model.init"))
@pytest.mark.parametrize(
    "start", [{}, {"placement": "post", "activation": "swiglu", "norm": "rms"}]
)
def test_twins_share_what_both_have(init, start):
    base = ModelConfig(**BASE, init=init, **start)
    first = tensors(base)
    for switch, values in SWITCHES.items():
        for value in values:
            twin = possible(**{**BASE, "init": init, **start, switch: value})
            if twin is None or twin == base or (switch == "init" and value != init):
                continue
            second = tensors(twin)
            common = [n for n in first if n in second and first[n].shape == second[n].shape]
            assert len(common) >= 8, (switch, value)
            for name in common:
                if switch == "feedforward_width" and name.endswith("mlp.f.w_out.bias"):
                    continue  # torch's default bias depends on the fan in
                wanted = first[name] / shrink_of(twin, name)
                if name.endswith("qkv.weight"):  # W_Q and W_K have no gain
                    wanted[:24] = first[name][:24]
                assert torch.equal(wanted, second[name]), (switch, value, name)


def shrink_of(config: ModelConfig, name: str) -> float:
    """What scaling and placement divide a matrix's draw by, by the papers; W_Q, W_K excepted."""
    writes = name.endswith(("attn.f.out.weight", "mlp.f.w_out.weight"))
    matrix = writes or name.endswith(("qkv.weight", "w_in.weight", "w_gate.weight"))
    if config.scaling == "gpt2" and writes:
        return math.sqrt(2 * config.depth)
    if config.scaling == "deepnorm" and matrix:
        return (8 * config.depth) ** 0.25
    if config.placement == "sublayer" and matrix:
        return 1 / math.sqrt(math.log(2 * config.depth))
    return 1.0


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    build_model(ModelConfig(**BASE), 9)
    assert torch.equal(before, torch.get_rng_state())
    # The draws depend on the seed, not on how far the generator has run.
    first = build_model(ModelConfig(**BASE), 9).head.weight
    torch.randn(5)
    assert torch.equal(first, build_model(ModelConfig(**BASE), 9).head.weight)


def test_every_drawn_tensor_is_its_own():
    first, other = (
        tensors(ModelConfig(**BASE, init="torch")),
        tensors(ModelConfig(**BASE, init="torch"), seed=2),
    )
    drawn = [n for n in first if "pre." not in n and "final_norm" not in n]
    for name in drawn:
        assert not torch.equal(first[name], other[name]), name
    q, k, v = first["blocks.0.attn.f.qkv.weight"].chunk(3)
    for a, b in ((q, k), (k, v), (q, v), (q, first["blocks.1.attn.f.qkv.weight"][:12])):
        assert abs(torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1]) < 0.3


def test_the_draw_is_fixed_for_good():
    """A changed draw would silently change every recorded run; change it knowingly."""
    weights = tensors(ModelConfig(**BASE), seed=0)
    found = [weights["token.weight"][0, 0], weights["blocks.2.attn.f.qkv.weight"][12, 0]]
    torch.testing.assert_close(
        torch.stack(found), torch.tensor([1.568666, 0.379954]), atol=1e-6, rtol=0
    )


WIDE = {"depth": 2, "width": 96, "heads": 4, "context": 200, "head_bias": True}
BOUND = 1 / math.sqrt(96)
HIDDEN_BOUND = 1 / math.sqrt(384)
STDS = {  # token, positions, q, out, w_in, w_out, head
    "xavier": (0.7071, 0.7071, 96**-0.5, 96**-0.5, 240**-0.5, 240**-0.5, 96**-0.5),
    "torch": (0.7071, 0.7071, *[BOUND / 3**0.5] * 3, HIDDEN_BOUND / 3**0.5, 96**-0.5),
    "gpt2": (0.02,) * 7,
    "uniform": (
        *(0.1 / 3**0.5,) * 2,
        (0.5 / 96) ** 0.5,  # Xavier-uniform of (3 D, D)
        *(BOUND / 3**0.5,) * 2,
        HIDDEN_BOUND / 3**0.5,
        0.1 / 3**0.5,
    ),
}


@pytest.mark.parametrize("init", choices("model.init"))
@pytest.mark.parametrize("scaling", ["one", "gpt2"])
def test_spread_of_every_scheme(init, scaling):
    torch.manual_seed(0)
    model = build_model(ModelConfig(**WIDE, init=init, scaling=scaling), 300)
    block = model.blocks[1]
    shrink = 2.0 if scaling == "gpt2" else 1.0  # sqrt(2 L)
    q = block.attn.f.qkv.weight[:96]
    found = [model.token, model.positions, q, block.attn.f.out, block.mlp.f.w_in]
    found = [getattr(m, "weight", m) for m in (*found, block.mlp.f.w_out, model.head)]
    wanted = list(STDS[init])
    wanted[3], wanted[5] = wanted[3] / shrink, wanted[5] / shrink
    for tensor, std in zip(found, wanted, strict=True):
        assert tensor.std().item() == pytest.approx(std, rel=0.03)
        assert abs(tensor.mean().item()) < 0.05 * std
    attention, feedforward = (block.attn.f.qkv.bias, block.attn.f.out.bias), block.mlp.f.w_in.bias
    for bias in (*attention, feedforward):
        if init == "torch" or (init == "uniform" and bias is feedforward):
            assert bias.std().item() == pytest.approx(BOUND / 3**0.5, rel=0.2)
            assert bias.abs().max() <= BOUND
        else:
            assert not bias.any()
    if init == "torch":
        assert q.abs().max() <= BOUND
    assert not model.head.bias.any()
    assert (block.attn.pre.weight == 1).all()
    assert not block.attn.pre.bias.any()


# The tutorial


class Tutorial(nn.Module):
    """What PyTorch's language-model tutorial builds, and its init_weights."""

    def __init__(self, vocabulary: int, width: int, heads: int, hidden: int, layers: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, hidden)
        self.transformer_encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.encoder = nn.Embedding(vocabulary, width)
        self.decoder = nn.Linear(width, vocabulary)
        self.encoder.weight.data.uniform_(-0.1, 0.1)
        self.decoder.bias.data.zero_()
        self.decoder.weight.data.uniform_(-0.1, 0.1)


LEAVES = {
    "attn.f.qkv.": "self_attn.in_proj_",
    "attn.f.out.": "self_attn.out_proj.",
    "mlp.f.w_in.": "linear1.",
    "mlp.f.w_out.": "linear2.",
    "attn.post.": "norm1.",
    "mlp.post.": "norm2.",
    "blocks.": "transformer_encoder.layers.",
    "token.": "encoder.",
    "head.": "decoder.",
}


def theirs(name: str) -> str:
    for ours, other in LEAVES.items():
        name = name.replace(ours, other)
    return name


def by_their_names(named: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by the tutorial's names; W_Q, W_K and W_V each, as rows of the fused one."""
    found: dict[str, Tensor] = {}
    for name, tensor in named.items():
        if "in_proj" in theirs(name):
            parts = zip("qkv", tensor.detach().chunk(3), strict=True)
            found |= {f"{theirs(name)} {which}": part for which, part in parts}
        else:
            found[theirs(name)] = tensor.detach()
    return found


@pytest.mark.parametrize(
    ("width", "heads", "hidden", "layers"), [(200, 2, 200, 2), (64, 4, 256, 3), (128, 8, 64, 1)]
)
def test_uniform_is_the_tutorials_initialisation(width, heads, hidden, layers):
    torch.manual_seed(0)
    config = ModelConfig(
        width=width,
        heads=heads,
        feedforward_width=hidden,
        depth=layers,
        placement="post",
        positions="sinusoidal",
        init="uniform",
        head_bias=True,
        embedding_scale=True,
    )
    ours = by_their_names(dict(build_model(config, 500).named_parameters()))
    tutorial = by_their_names(dict(Tutorial(500, width, heads, hidden, layers).named_parameters()))
    assert sorted(ours) == sorted(tutorial)
    for name, wanted in tutorial.items():
        found = ours[name]
        assert found.shape == wanted.shape, name
        if wanted.unique().numel() == 1:  # zeros and ones
            assert torch.equal(found, wanted), name
            continue
        few = 4 / math.sqrt(wanted.numel())  # four standard errors of a uniform's moments
        assert found.std().item() == pytest.approx(wanted.std().item(), rel=few), name
        assert abs(found.mean() - wanted.mean()) < few * wanted.std(), name
        # Uniform, and as wide: its largest of n is within a few n-ths of the bound.
        bound = found.abs().max().item()
        assert bound == pytest.approx(wanted.abs().max().item(), rel=16 / wanted.numel()), name


def test_the_tutorials_own_setting_by_its_numbers():
    """The fused matrix spreads by .05 at width 200, where a linear layer's own would by .041."""
    config = presets.load("classic").config.model
    assert (config.width, config.depth, config.dropout) == (200, 2, 0.5)
    torch.manual_seed(0)
    for block in build_model(config, 65).blocks:
        qkv, out = block.attn.f.qkv, block.attn.f.out
        for part in qkv.weight.chunk(3):
            assert part.std().item() == pytest.approx(0.05, rel=0.02)
            assert 0.0864 < part.abs().max().item() <= math.sqrt(6 / 800)
        assert not qkv.bias.any()
        assert not out.bias.any()
        assert out.weight.std().item() == pytest.approx(0.0408, rel=0.02)
        assert block.mlp.f.w_in.bias.any()
