"""The kind `cka`: how alike the representations of two layers are, within one run or between two.

Linear CKA (Kornblith et al. 2019, arXiv 1905.00414), on the same tokens of the same text.

Parameters
    ``others`` (list of at most one run id, []): the run to compare with; without it, with itself.
    ``windows`` (int, 8): held-out windows of the first run's corpus.

Result
    ``matrix``: (rows, columns) nested lists in [0, 1]; null where a layer is constant or not finite.
    ``rows``, ``columns``: the places (``embed``, ``blocks.{i}.resid_mid|resid_post``,
    ``final_norm.out``) of the first run and of the other.
    ``runs``: [{run, name, step}, {run, name, step}].
    ``tokens``: tokens that were compared.
Arrays
    ``matrix`` (rows, columns) float32.
"""
