"""Paths through the residual network by their length (Veit et al. 2016, arXiv 1605.06431).

Kind ``paths``. Parameters: ``windows`` (of held-out text). N sublayers in order.

**Gradient.** The network unrolls into paths: at every sublayer a path takes the skip or the branch;
its length is how many branches it takes. In the backward pass the gradient of the loss with respect
to the embedding's output is the sum of one term a path, so it is g = Σ_k g_k with g_k from all
paths of length k. Every norm on both ways (post, final) belongs to both. ‖g_k‖ is the Frobenius
norm over all windows and positions.

**Logit.** With every norm after the residual sum frozen (LayerNorm's and RMSNorm's divisor, DyT's
slope tanh(αx)/x, taken as constants), the logits are a sum of what the embedding and each
sublayer's output contribute directly, and of biases. Contribution: to the right token's logit minus
the mean logit, mean over all predictions. What a sublayer writes has itself passed up to as many
branches as there are sublayers before it, and one more: ``depth`` is the largest path length in it.

result
    ``lengths``    [int] × (N + 1), 0..N
    ``paths``      [float] × (N + 1), how many paths have this length
    ``norm``       [float] × (N + 1), ‖g_k‖
    ``share``      [float] × (N + 1), ‖g_k‖ / Σ_j ‖g_j‖
    ``projection`` [float] × (N + 1), <g_k, g> / ‖g‖²; these sum to 1 and may be negative
    ``total``      float, ‖g‖
    ``mean_length`` float, Σ k · share
    ``sources``    [str] × M, "embed", "blocks.0.attn", "blocks.0.mlp", ..., "bias"
    ``depth``      [int] × M, of each source; null for "bias"
    ``logit``      [float] × M, the contributions
    ``logit_share`` [float] × M, |contribution| / Σ |contributions|
    ``logit_total`` float, their sum: the mean of right logit - mean logit
    ``loss``       float, nats on the same windows
    ``windows``    int, used
    ``step``       int, the checkpoint's
no arrays
"""
