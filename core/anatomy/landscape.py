"""The kinds `landscape1d` and `landscape2d`: the loss around a checkpoint.

Li et al. 2018 (arXiv 1712.09913): L(θ + a d₁ (+ b d₂)) with random Gaussian directions, every row
of a matrix scaled to the length of the row of θ that it changes, everything of one dimension
(biases, gains) left alone. L is the mean cross-entropy in nats over fixed held-out windows.

Parameters
    ``others`` (list of run ids, []): more runs for the same axes; those without a checkpoint are
    refused. Directions are drawn by (seed, name of the tensor), so equal networks share them.
    ``radius`` (float, 1.0): a and b go from -radius to radius.
    ``seconds`` (float, 20): the time that the grid may take; one evaluation is measured, the finest
    grid that fits is taken. ``points`` (int): an odd number of points along each axis instead.
    ``seed`` (int, 0): of the directions.

Result
    ``a`` (list of n numbers), and in two dimensions ``b`` (list of n numbers).
    ``runs``: list of {run, name, step, centre (loss at the checkpoint), loss: (n) or, row by row of
    b, (n, n): ``loss[j][i]`` at a[i], b[j], null where it is not finite; ``not_finite``: how many}.
    ``low``, ``high``: of all finite losses of all runs: the one scale.
    ``points`` (n), ``evaluations``, ``seconds_each`` (of one evaluation), ``tokens`` (in one loss),
    ``radius``, ``sentence``: what the grid is and whether the time budget cut it.
    Coarse to fine: each finished level is one object of the stream with all of these keys and
    ``points`` so far; the last one equals the result.
Arrays
    ``loss`` (runs, n) or (runs, n, n) float64, not finite as it came.
"""
