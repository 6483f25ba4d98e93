"""The kind `trajectory`: the path of training, seen in the plane in which it moved most.

PCA of θ_s - θ_last over the run's checkpoints (Li et al. 2018, section 7); the last checkpoint is
the origin, the axes are the first two components, in units of parameter distance.

Parameters
    ``seconds`` (float, 20) and ``points`` (int), as of `landscape2d`.

Result
    ``steps`` (list of S ints, at least 3), ``path`` (S pairs [x, y]), ``path_loss`` (S: the loss at
    each checkpoint itself, not at its projection), ``explained`` ([share of the variance along x,
    along y]), ``distance`` (S: ‖θ_s - θ_last‖).
    The surface L(θ_last + x u + y v): ``a``, ``b`` (coordinates of the grid along x and y, which
    cover the path with a margin), ``loss`` (``loss[j][i]`` at a[i], b[j], null where not finite),
    ``not_finite``, ``centre`` (loss of the last checkpoint), ``low``, ``high``, ``points``,
    ``evaluations``, ``seconds_each``, ``tokens``, ``sentence``.
    Coarse to fine: each finished level is one object of the stream with all of these keys.
Arrays
    ``loss`` (n, n) float64, not finite as it came; ``path`` (S, 2) float64.
"""
