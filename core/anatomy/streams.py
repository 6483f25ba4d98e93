"""The kind `streams`: what happens to the residual stream on its way up, on held-out text.

L layers, T tokens, D width, N windows. A *place* is a point of the stream: ``embed``,
``blocks.{i}.resid_mid`` and ``blocks.{i}.resid_post`` (in order), then ``final_norm.out`` where the
network has one.

Parameters
    ``windows`` (int, 8): held-out windows.

Result
    ``places`` (list of str, P of them), ``layer`` (list of int, P; -1 for embed, L for the final
    norm), and by place, lists of P numbers (null where not finite):
        ``rms``: root mean square of the stream.
        ``similarity``: mean cosine between two tokens of one window, over all pairs.
        ``effective_rank``: exp(H(σ / Σσ)) of a window's (T, D) matrix (Roy & Vetterli 2007), 1 to
        ``rank_most`` = min(T, D).
        ``participation``: (Σσ²)² / Σσ⁴, 1 to ``rank_most``.
        ``residual_ratio``: ‖res(X)‖ / ‖X‖, res(X) = X - 1·(mean over tokens) (Dong et al. 2021).
        ``largest``, ``median``: of |a|.
    ``sublayers`` (list of {name, layer, part}: ``blocks.{i}.attn`` or ``.mlp``), and by sublayer
    ``skip_rms``, ``branch_rms``: of the two things that the Add box sums (what the skip carries, α
    and ω included, and the scaled branch); ``branch_share``: branch / (skip + branch), 1 without a
    skip.
    ``angle`` (L): angular distance between a block's input and output, arccos(cosine) / π, mean
    over tokens (0 same direction, 1 opposite; Gromov et al. 2024).
    ``massive``: {seen: bool, sentence, found: list of {place, token (position in its window),
    feature, value, times_median}, at most 20, largest first}: |a| > 100 and >= 1,000 x the median
    of its place (Sun et al. 2024).
    ``sinks``: {seen: bool, sentence, threshold, uniform, found: list of {layer, head, share}}:
    heads whose mean attention to token 0 reaches the threshold (Gu et al. 2024).
    ``tokens`` (T), ``windows`` (N).
Arrays
    ``sinks`` (L, H) float32: mean attention to token 0. Absent without attention.
"""
