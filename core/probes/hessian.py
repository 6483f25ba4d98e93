"""The largest eigenvalue of the loss's Hessian, from products with vectors alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

ROUNDS = 20  # products at most; large eigenvalues stand apart, most networks need ten
GOOD = 1e-2  # relative error bound at which it ends


def product(loss: Tensor, parameters: Sequence[Tensor]) -> Callable[[Tensor], Tensor]:
    """v -> H v of a loss () for flat vectors (P,), by differentiating twice (Pearlmutter 1994).

    Gradients in `.grad` are left as they are. A parameter that the loss does not read is constant.
    """
    gradients = torch.autograd.grad(
        loss, list(parameters), create_graph=True, materialize_grads=True
    )
    flat = torch.cat([g.reshape(-1) for g in gradients])

    def of(vector: Tensor) -> Tensor:
        products = torch.autograd.grad(
            flat, list(parameters), vector, retain_graph=True, materialize_grads=True
        )
        return torch.cat([p.reshape(-1) for p in products]).detach()

    return of


def largest_eigenvalue(
    times: Callable[[Tensor], Tensor], start: Tensor, rounds: int = ROUNDS, good: float = GOOD
) -> Tensor:
    """The largest (not in size: the most positive) eigenvalue of a symmetric operator, () float64.

    Lanczos with full orthogonalisation, from a vector (P,) that is not zero: after k products the
    largest eigenvalue of the (k, k) tridiagonal matrix, which only rises. Ends where its residual
    bound β_k |y_k| is below `good` of it, or after so many rounds. Ghorbani et al. 2019,
    arXiv 1901.10159, use the same. NaN where a product is not finite. Keeps a vector a round.
    """
    vectors = [start / torch.linalg.vector_norm(start)]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    value = start.new_tensor(torch.nan, dtype=torch.float64)
    for _ in range(min(rounds, start.numel())):
        image = times(vectors[-1])
        if not image.isfinite().all():
            return value.new_tensor(torch.nan)
        diagonal.append((image * vectors[-1]).sum(dtype=torch.float64))
        basis = torch.stack(vectors)  # (k, P)
        for _ in range(2):  # once is not enough in float32
            image = image - basis.mT @ (basis @ image)
        beside.append(torch.linalg.vector_norm(image).double())
        matrix = torch.diag(torch.stack(diagonal))
        for i, b in enumerate(beside[:-1]):
            matrix[i, i + 1] = matrix[i + 1, i] = b
        values, columns = torch.linalg.eigh(matrix)
        value = values[-1]
        # Synchronises; each round is a whole training step and more.
        if float(beside[-1] * columns[-1, -1].abs()) <= good * abs(float(value)):
            break
        vectors.append(image / beside[-1].to(image.dtype))
    return value
