"""Parameters, floating-point operations and memory of a network, from its config alone.

No torch: the dashboard shows these numbers while a switch is being turned. Letters: L depth,
D width, M hidden units, T context, V size of the alphabet, H heads, B sequences.
"""

from __future__ import annotations

import math

from core import estimate_resnet
from core.config import NORMS, PLACEMENTS, ModelConfig, RunConfig, Shape
from core.config.wiring import RESIDUALS, Site, SublayerName
from core.estimate_resnet import Kept

FLOAT = 4  # bytes; weights, gradients and AdamW's two means are float32
# What a process holds before it trains: the program with torch in main memory, CUDA's own on a GPU.
PROGRAM = {"cpu": 450 * 2**20, "cuda": 600 * 2**20}
SCRATCH = 32 * 2**20  # of the libraries that multiply
# Times the activations that are counted, for gaps in the heap between what is freed and what is
# asked for next. Where they are computed again there are less of them (core.training.devices).
SPARE, SPARE_AGAIN = 1.4, 1.25
# Copies of the weights while a checkpoint is written: they and their means, and the file's content
# three times over, as tensors' bytes, as a whole and as Python has it.
CHECKPOINT = 10


def norm_sizes(model: ModelConfig, sublayer: SublayerName) -> dict[Site, int]:
    """The size of each norm of one layer's sublayer, by its site (`model` as ``at`` gives it)."""
    head = model.width // model.heads
    sites = PLACEMENTS[model.placement].sites(sublayer)
    sizes: dict[Site, int] = {"q": head, "k": head, "v": head, "hidden": model.hidden}
    if sublayer == "attention" and model.qk_norm != "off":
        query = model.width if model.qk_norm == "width" else head
        sizes |= {"q": query, "k": query}
        sites = tuple(dict.fromkeys((*sites, "q", "k")))
    return {site: sizes.get(site, model.width) for site in sites}


def _norm_parameters(model: ModelConfig) -> int:
    """Norms and what scales a skip, a branch or a head, over all layers and around them."""
    words = NORMS[model.norm]
    around = int(model.has_final_norm) + int(model.embedding_norm)
    total = around * words.parameters(model.width, model.bias)
    for layer in range(model.depth):
        own = model.at(layer)
        of_layer = NORMS[own.norm]
        for sublayer in own.parts:
            sizes = norm_sizes(own, sublayer).values()
            total += sum(of_layer.parameters(size, own.bias) for size in sizes)
            if own.scaling == "layerscale":
                total += own.width
            if own.scaling == "admin" and sublayer in RESIDUALS[own.residual]:
                total += own.width
            if sublayer == "attention" and PLACEMENTS[own.placement].head_scale:
                total += own.heads
        total += int(own.scaling == "rezero")  # one for both sublayers
    return total


def breakdown(model: ModelConfig, vocab_size: int, image: Shape | None = None) -> dict[str, int]:
    """Parameters by part: ``embed`` (tokens and positions), ``attn``, ``mlp``, ``norm``, ``head``.

    ``attn``, ``mlp`` and ``norm`` sum over all layers; ``norm`` includes those around the blocks
    and the scales beside the norms. A tied head is counted once, in ``embed``.
    For the parts of a ResNet see :mod:`core.estimate_resnet`.
    """
    if model.family == "resnet":
        return estimate_resnet.breakdown(model, vocab_size, _given(image))
    d, m, bias = model.width, model.hidden, int(model.bias)
    inputs = 2 if model.activation == "swiglu" else 1
    attn = model.depth * ("attention" in model.parts)
    mlp = model.depth * ("feedforward" in model.parts)
    embed = vocab_size * d * (image is None)
    if model.family == "mlp":
        embed += _inputs(model, image) * d + bias * d
    elif model.positions == "learned":
        embed += model.context * d
    return {
        "embed": embed,
        "attn": attn * (4 * d * d + bias * 4 * d),
        "mlp": mlp * ((inputs + 1) * d * m + bias * (inputs * m + d)),
        "norm": _norm_parameters(model),
        "head": (0 if model.tie_embeddings else vocab_size * d) + vocab_size * model.head_bias,
    }


def _inputs(model: ModelConfig, image: Shape | None) -> int:
    """Numbers that a feed-forward network reads: characters as vectors, or pixels."""
    return model.context * model.width if image is None else math.prod(image)


def _given(image: Shape | None) -> Shape:
    assert image is not None, "RunConfig gives a ResNet a corpus of images"
    return image


def parameters(model: ModelConfig, vocab_size: int, image: Shape | None = None) -> int:
    """All trainable numbers of the network, exactly."""
    return sum(breakdown(model, vocab_size, image).values())


def flops_per_token(model: ModelConfig, vocab_size: int, image: Shape | None = None) -> float:
    """Forward and backward of one token at full context (or window, or image): 6 N + 12 L D T.

    N counts the weights that multiply: the blocks' matrices and the head (a tied head multiplies
    too; embeddings are looked up). 6 is a multiplication and an addition, forward once and backward
    twice (Kaplan et al. 2020, arXiv 2001.08361, section 2.1); 12 L D T is the same for the scores
    and their mixing of values, not halved for the causal mask (PaLM, Chowdhery et al. 2022, arXiv
    2204.02311, appendix B). What reads pixels counts 4: they need no gradient.
    """
    if model.family == "resnet":
        return estimate_resnet.flops(model, vocab_size, _given(image))
    inputs = 2 if model.activation == "swiglu" else 1
    d = model.width
    attn, mlp = (model.depth * (kind in model.parts) for kind in ("attention", "feedforward"))
    multiplying = attn * 4 * d * d + mlp * (inputs + 1) * d * model.hidden + vocab_size * d
    reading = _inputs(model, image) * d if model.family == "mlp" else 0
    each = 6.0 if image is None else 4.0
    return 6.0 * multiplying + each * reading + 12.0 * attn * d * model.context


def kept_floats(model: ModelConfig, vocab_size: int, image: Shape | None = None) -> Kept:
    """Numbers kept per token (window, image) for the backward pass, with fused attention.

    A close estimate. Per layer: what each matrix reads, Q, K, V and the mixed values with one
    logarithm per head, what the activation and each norm read, and dropout's masks. Around them
    the logits, their logarithms and their gradient.
    """
    if model.family == "resnet":
        return estimate_resnet.kept_floats(model, vocab_size, _given(image))
    d = model.width
    around = _inputs(model, image) if model.family == "mlp" else 0
    around += d * NORMS[model.norm].keeps * model.embedding_norm + 3 * d + 3 * vocab_size
    own = (model.at(layer) for layer in range(model.depth))
    inside = tuple(sum(_kept_by(one, kind) for kind in model.parts) for one in own)
    # The first layer's values stay for all that mix them in.
    return Kept(around + d * model.value_residual, (d,) * model.depth, inside)


def _kept_by(own: ModelConfig, sublayer: SublayerName) -> int:
    """Numbers per token that one sublayer keeps."""
    d, m, heads = own.width, own.hidden, own.heads
    words = NORMS[own.norm]
    # What a norm keeps; what it writes is the next matrix's input, counted there.
    sizes = norm_sizes(own, sublayer)
    kept = words.keeps * sum(d if site in "qkv" else size for site, size in sizes.items())
    if own.scaling in ("layerscale", "rezero"):
        kept += d
    if own.scaling == "admin" and sublayer in RESIDUALS[own.residual]:
        kept += d
    if own.scaling == "lns":
        kept += d
    if sublayer == "feedforward":
        gated = own.activation == "swiglu"
        kept += d + (4 * m if gated else m + (m if own.activation != "relu" else 0))
        return kept + (d + 2 * m if own.dropout else 0)
    kept += 5 * d + heads + (2 * d if own.positions == "rotary" else 0)
    if own.positions == "alibi" or own.dropout:
        # The unfused path: the pattern, and under dropout its mask and what is left of it.
        kept += heads * own.context * (3 if own.dropout else 1)
    return kept + (d if own.dropout else 0)


def memory_bytes(run: RunConfig, vocab_size: int, cuda: bool = False) -> int:
    """Bytes that training `run` takes at its fullest moment, in main memory or on the GPU.

    The most of four moments: a step with its activations, the probe, an evaluation, and on a
    processor a checkpoint that is written. An estimate on the high side, see
    tests/benchmarks/memory.py. The program itself, `PROGRAM`, comes on top.
    """
    model, many = run.model, own_parameters(run, vocab_size)
    kept = kept_floats(model, vocab_size, run.image)
    block = max(kept.inside)
    activations = step_floats(run, vocab_size) - 4 * many
    if run.training.recompute:
        moments = [4 * many + SPARE_AGAIN * activations]
    else:  # and the gradients on their way through one block
        moments = [4 * many + SPARE * (activations + part_tokens(run) * block)]
    moments.append(3 * many + SPARE * _evaluated(run) * (block + kept.around))
    if run.probes.every:
        moments.append(5 * many + SPARE * _probed(run, kept))
    if run.probes.every and run.probes.hessian_every:
        # Up to twenty vectors twice over, and a graph of the gradient beside that of the loss.
        each = part_tokens(run) * run.training.accumulate // run.training.batch_size
        read = min(run.training.batch_size, 16) * each
        moments.append(45 * many + 3 * SPARE * read * kept.all)
    if not cuda:
        moments.append(CHECKPOINT * many)
    return int(FLOAT * max(moments)) + SCRATCH


def part_tokens(run: RunConfig) -> int:
    """Tokens, windows or images of a batch that a process reads at once."""
    return run.tokens_per_step // (run.training.accumulate * run.training.devices)


def own_parameters(run: RunConfig, vocab_size: int) -> int:
    """Parameters that a process has: all, or with `training.sharding fsdp` its part, and two blocks
    that are whole while they compute."""
    many = parameters(run.model, vocab_size, run.image)
    devices = run.training.devices
    if devices == 1 or run.training.sharding != "fsdp":
        return many
    blocks = run.model.depth if run.model.family != "resnet" else 4 * run.model.blocks_per_stage
    return min(many, -(-many // devices) + 2 * many // blocks)


def step_floats(run: RunConfig, vocab_size: int) -> int:
    """Numbers that a step holds: weights, gradients, AdamW's two means, and the activations of one
    part of the batch (`training.accumulate`); of all blocks, or with `training.recompute` what each
    reads and one block's own."""
    kept = kept_floats(run.model, vocab_size, run.image)
    each = kept.recomputed if run.training.recompute else kept.all
    return 4 * own_parameters(run, vocab_size) + part_tokens(run) * each


def needed_bytes(run: RunConfig, vocab_size: int, cuda: bool = False) -> int:
    """Bytes that it needs to train `run`: the program's own, and those of :func:`memory_bytes`.

    On one GPU, where several train it together; in the main memory those of all processes.
    """
    each = PROGRAM["cuda" if cuda else "cpu"] + memory_bytes(run, vocab_size, cuda)
    return each if cuda else each * run.training.devices


def _evaluated(run: RunConfig) -> int:
    """Tokens, windows or images that an evaluation reads at once (core.training.objectives)."""
    if run.image is not None:
        return 128
    return max(4096, run.model.context) if run.model.family == "transformer" else 512


def _probed(run: RunConfig, kept: Kept) -> int:
    """Numbers that the probe holds: every observable, with scores and pattern of each head."""
    if run.model.family != "transformer":
        return 64 * 2 * kept.all
    length, model = run.probe_length, run.model
    square = model.depth * model.heads * length * ("attention" in model.parts)
    return 2 * length * (kept.all + square)
