"""Initial weights, all of them, in one place.

============== ======================== ================== ========== =========================
tensor         xavier                   torch              gpt2       uniform
============== ======================== ================== ========== =========================
token          N(0, .707²)              N(0, .707²)        N(0, .02²) U(-.1, .1)
positions      N(0, .707²)              N(0, .707²)        N(0, .02²) U(-.1, .1)
W_Q W_K W_V    N(0, 2/(fan in + out))   U(±1/sqrt(fan in)) N(0, .02²) U(±sqrt(6/(D + 3 D)))
W_O            N(0, 2/(fan in + out))   U(±1/sqrt(fan in)) N(0, .02²) U(±1/sqrt(fan in))
W_in W_gate    N(0, 2/(fan in + out))   U(±1/sqrt(fan in)) N(0, .02²) U(±1/sqrt(fan in))
W_out          N(0, 2/(fan in + out))   U(±1/sqrt(fan in)) N(0, .02²) U(±1/sqrt(fan in))
their biases   0                        U(±1/sqrt(fan in)) 0          attention's 0, the
                                                                      feed-forward's as torch
head           N(0, 1/D)                N(0, 1/D)          N(0, .02²) U(-.1, .1)
head bias      0                        0                  0          0
norms          gain 1, bias 0           gain 1, bias 0     the same   the same
DyT            α ½, gain 1, bias 0      the same           the same   the same
head scale     1                        the same           the same   the same
ReZero's α     0                        the same           the same   the same
LayerScale's γ .1 (18 layers), 1e-5     the same           the same   the same
Admin's ω      1, then core.models.profile
============== ======================== ================== ========== =========================

``torch`` is torch.nn.Linear's default for every matrix of a block. ``uniform`` is PyTorch's
language-model tutorial: U(-.1, .1) at both ends, and between them what torch.nn.TransformerEncoder
draws: W_Q, W_K and W_V Xavier-uniform as the one (3 D, D) matrix that torch.nn.MultiheadAttention
keeps them in, attention's biases 0, the rest as torch.nn.Linear. The tutorial's layers are copies
of one and so start alike; here each has its own draw.
``scaling gpt2`` divides W_O and W_out (not their biases) by sqrt(2 L), as GPT-2 does (Radford et
al. 2019, section 2.3). ``scaling deepnorm`` multiplies W_V, W_O and the feed-forward's matrices by
(8 L)^-¼ (Wang et al. 2022, decoder-only: the gain of its Xavier draw), ``placement sublayer`` the
same ones by sqrt(ln 2 L) (Magneto, Wang et al. 2022). All three count per layer, with overrides.
A tied head is the token embedding's tensor and follows its row.
Sources: Glorot & Bengio 2010; torch.nn.Linear and TransformerEncoder; nanoGPT; PyTorch's tutorial.

Each tensor is drawn from a generator of its own, seeded by (torch.initial_seed(), its name), on
the processor: two networks one switch apart share every tensor that both have, on every device,
and building a network leaves the global generator where it was. W_Q, W_K and W_V are rows of one
matrix, but are drawn under their own names with their own fan in and out. A convolution is drawn as
the matrix from the patch it reads (or, for the fan out, writes to) to its channels.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from core.config import PLACEMENTS, ModelConfig
from core.models.positions import LearnedPositions

# The matrices that write into the residual stream, which `scaling gpt2` starts smaller.
WRITERS = ("attn.f.out", "mlp.f.w_out")
# Those whose gain DeepNorm and Sub-LN set: all but W_Q and W_K.
GAINED = (*WRITERS, "attn.f.v", "mlp.f.w_in", "mlp.f.w_gate")


_EMPTY: ContextVar[bool] = ContextVar("empty", default=False)


@contextlib.contextmanager
def left_empty() -> Iterator[None]:
    """Networks that are built meanwhile draw no weights: all of them come from a file."""
    token = _EMPTY.set(True)
    try:
        yield
    finally:
        _EMPTY.reset(token)


def initialise(model: nn.Module, config: ModelConfig) -> None:
    """Fill every parameter of `model` in place, by the table above; norms are born as it says.

    Within :func:`left_empty` nothing.
    """
    if _EMPTY.get():
        return
    generator = torch.Generator()

    def draw(name: str, tensor: Tensor, scheme: Scheme) -> None:
        generator.manual_seed(_seed(name))
        scheme(tensor, generator)

    with torch.no_grad():
        for path, module in model.named_modules():
            if isinstance(module, nn.Embedding | LearnedPositions):
                draw(f"{path}.weight", module.weight, EMBEDDING[config.init])
            elif path == "head":
                if not config.tie_embeddings:
                    draw("head.weight", module.weight, HEAD[config.init])
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.Linear | nn.Conv2d):
                for part, weight, bias in _parts(path, module):
                    scheme, bias_scheme = _matrix(config.init, part)
                    draw(f"{part}.weight", weight, scheme)
                    shrink = _shrink(config, part)
                    if shrink != 1.0:
                        weight.div_(shrink)
                    if bias is not None:
                        draw(f"{part}.bias", bias, bias_scheme(weight[0].numel()))


def _shrink(config: ModelConfig, part: str) -> float:
    """The number that the drawn matrix of this name is divided by."""
    names = part.split(".")
    if names[0] != "blocks" or not part.endswith(GAINED):
        return 1.0
    own, depth = config.at(int(names[1])), config.depth
    shrink = 1.0
    if own.scaling == "gpt2" and part.endswith(WRITERS):
        shrink *= math.sqrt(depth * (2 if config.family == "transformer" else 1))
    if own.scaling == "deepnorm":
        shrink *= (8 * depth) ** 0.25
    if PLACEMENTS[own.placement].wide_init:
        shrink /= math.sqrt(math.log(2 * depth))
    return shrink


Scheme = Callable[[Tensor, torch.Generator], Tensor]


def _normal(std: float) -> Scheme:
    return lambda tensor, g: tensor.normal_(0.0, std, generator=g)


def _uniform(bound: float) -> Scheme:
    return lambda tensor, g: tensor.uniform_(-bound, bound, generator=g)


def _xavier(weight: Tensor, g: torch.Generator) -> Tensor:
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight.normal_(0.0, math.sqrt(2 / fans), generator=g)


def _torch_linear(weight: Tensor, g: torch.Generator) -> Tensor:
    return _uniform(weight[0].numel() ** -0.5)(weight, g)


def _head(weight: Tensor, g: torch.Generator) -> Tensor:
    return weight.normal_(0.0, weight.shape[1] ** -0.5, generator=g)


EMBEDDING: dict[str, Scheme] = {
    "xavier": _normal(0.5**0.5),
    "torch": _normal(0.5**0.5),
    "gpt2": _normal(0.02),
    "uniform": _uniform(0.1),
}
HEAD: dict[str, Scheme] = {
    "xavier": _head,
    "torch": _head,
    "gpt2": _normal(0.02),
    "uniform": _uniform(0.1),
}
MATRIX: dict[str, Scheme] = {
    "xavier": _xavier,
    "torch": _torch_linear,
    "gpt2": _normal(0.02),
    "uniform": _torch_linear,
}
# What torch.nn.MultiheadAttention draws otherwise than torch.nn.Linear.
FUSED = (".attn.f.q", ".attn.f.k", ".attn.f.v")
ATTENTION = (*FUSED, ".attn.f.out")


def _matrix(init: str, part: str) -> tuple[Scheme, Callable[[int], Scheme]]:
    """The schemes of the matrix of this name and, given its fan in, of its bias."""
    matrix = MATRIX[init]
    if init == "uniform" and part.endswith(ATTENTION):
        return (_fused_xavier if part.endswith(FUSED) else matrix), lambda fan_in: _zero
    if matrix is _torch_linear:
        return matrix, lambda fan_in: _uniform(fan_in**-0.5)
    return matrix, lambda fan_in: _zero


def _fused_xavier(weight: Tensor, g: torch.Generator) -> Tensor:
    """Xavier-uniform of the (3 D, D) matrix that W_Q, W_K and W_V are rows of, for one of them."""
    width = weight.shape[1]
    return _uniform(math.sqrt(6 / (width + 3 * width)))(weight, g)


def _zero(tensor: Tensor, g: torch.Generator) -> Tensor:
    return tensor.zero_()


def _parts(path: str, module: nn.Linear | nn.Conv2d) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """The named (weight, bias) pairs of a linear layer: three of a fused QKV, else one."""
    owner, _, leaf = path.rpartition(".")
    names = [f"{owner}.{part}" for part in "qkv"] if leaf == "qkv" else [path]
    weights = module.weight.chunk(len(names))
    biases = [None] * len(names) if module.bias is None else module.bias.chunk(len(names))
    yield from zip(names, weights, biases, strict=True)


def _seed(name: str) -> int:
    """63 bits from the global seed and the tensor's name, the same in every process."""
    digest = hashlib.sha256(f"{torch.initial_seed()}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
