"""Parameters, floating-point operations and memory of a network, from its config alone.

No torch: the dashboard shows these numbers while a switch is being turned. Letters: L depth,
D width, M hidden units, T context, V size of the alphabet, H heads, B sequences.
"""

from __future__ import annotations

from core.config import ModelConfig, RunConfig

# Norms per sublayer of each placement (core.models.block.PLACEMENTS; a test compares them).
NORMS_PER_SUBLAYER = {"pre": 1, "post": 1, "sandwich": 2, "none": 0}

FLOAT = 4  # bytes; weights, gradients and AdamW's two means are float32


def breakdown(model: ModelConfig, vocab_size: int) -> dict[str, int]:
    """Parameters by part: ``embed`` (tokens and positions), ``attn``, ``mlp``, ``norm``, ``head``.

    ``attn``, ``mlp`` and ``norm`` sum over all layers, and ``norm`` includes the final one. A tied
    head is counted once, in ``embed``.
    """
    d, m, bias = model.width, model.hidden, int(model.bias)
    inward = 2 if model.activation == "swiglu" else 1
    per_norm = {"layer": d * (1 + bias), "rms": d, "none": 0}[model.norm]
    norms = 2 * model.depth * NORMS_PER_SUBLAYER[model.placement] + int(model.has_final_norm)
    return {
        "embed": vocab_size * d + (model.context * d if model.positions == "learned" else 0),
        "attn": model.depth * (4 * d * d + bias * 4 * d),
        "mlp": model.depth * ((inward + 1) * d * m + bias * (inward * m + d)),
        "norm": norms * per_norm,
        "head": (0 if model.tie_embeddings else vocab_size * d) + vocab_size * model.head_bias,
    }


def parameters(model: ModelConfig, vocab_size: int) -> int:
    """All trainable numbers of the network, exactly."""
    return sum(breakdown(model, vocab_size).values())


def flops_per_token(model: ModelConfig, vocab_size: int) -> float:
    """Forward and backward of one token at full context: 6 N + 12 L D T.

    N counts the weights that multiply: the blocks' matrices and the head (a tied head multiplies
    too; embeddings are looked up). 6 is a multiplication and an addition, forward once and backward
    twice (Kaplan et al. 2020, arXiv 2001.08361, section 2.1); 12 L D T is the same for the scores
    and their mixing of values, not halved for the causal mask (PaLM, Chowdhery et al. 2022, arXiv
    2204.02311, appendix B).
    """
    inward = 2 if model.activation == "swiglu" else 1
    d = model.width
    multiplying = model.depth * (4 * d * d + (inward + 1) * d * model.hidden) + vocab_size * d
    return 6.0 * multiplying + 12.0 * model.depth * d * model.context


def activation_floats_per_token(model: ModelConfig, vocab_size: int) -> int:
    """Numbers kept per token for the backward pass, with fused attention; a close estimate.

    Per layer: what each matrix reads, Q, K, V and the mixed values with one logarithm per head,
    what the activation and each norm read, and dropout's masks. Then the logits, their
    logarithms and their gradient.
    """
    d, m = model.width, model.hidden
    gated = model.activation == "swiglu"
    # LayerNorm keeps its input, RMSNorm the normalised input too; what a norm writes is the next
    # matrix's input, counted there.
    norms = 2 * NORMS_PER_SUBLAYER[model.placement] * (2 if model.norm == "rms" else 1)
    attention = d + 3 * d + d + model.heads + (2 * d if model.positions == "rotary" else 0)
    feedforward = d + (4 * m if gated else m + (m if model.activation != "relu" else 0))
    layer = attention + feedforward + norms * d
    if model.dropout:
        # Attention's own dropout falls to the unfused path: pattern, mask and dropped pattern.
        layer += 2 * d + 2 * m + 3 * model.heads * model.context
    return model.depth * layer + 3 * d + 3 * vocab_size


def memory_bytes(run: RunConfig, vocab_size: int) -> int:
    """Bytes to train `run` in float32: weights, gradients, AdamW's two means, activations.

    An estimate: the framework's own memory and its scratch space come on top.
    """
    tokens = run.training.batch_size * run.model.context
    fixed = 4 * parameters(run.model, vocab_size)
    return FLOAT * (fixed + tokens * activation_floats_per_token(run.model, vocab_size))
