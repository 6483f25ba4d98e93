"""Gradient norms at every step, and at intervals what the optimizer made of them.

All norms are Euclidean and taken before clipping. Metric names: `grad_norm/total|embed|head` and,
per layer, `grad_norm/<group>` with the groups of :func:`core.models.parameter_groups`.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from core.models import parameter_groups
from core.models.groups import SINGLE_NORMS, Part

SINGLE = ("embed", "head")
MATRICES = (
    *("attn.q", "attn.k", "attn.v", "attn.o", "mlp.in", "mlp.gate", "mlp.out"),
    *("conv1", "conv2", "shortcut"),
)
# Below this a sum of squares in float32 loses its small terms; vanishing gradients are what this
# laboratory shows, so they are then measured in float64.
SAFE_NORM = 1e-15
# On a processor a sum of so many squares in float32 is good to 1e-6; of a large embedding's at once
# three digits would be left.
CHUNK = 2**16


class Pieces:
    """Where the numbers of a tensor are: all of them here.

    Of a network that is spread over processes :mod:`core.training.sharding` knows better.
    """

    def of(self, tensor: Tensor, rows: slice | None) -> Tensor:
        """Those of these rows that are here, (n, ...)."""
        return _rows(tensor, rows)

    def summed(self, sums: Tensor) -> Tensor:
        """Sums over what is here as sums over all of it, same shape."""
        return sums


class GradientNorms:
    """Norms of every gradient group as one flat tensor a step, without synchronising on CUDA."""

    def __init__(self, model: nn.Module, here: Pieces | None = None) -> None:
        self._here = here or Pieces()
        groups = parameter_groups(model)
        split = [g for g in groups if g != "block"]
        self._pieces: list[Part] = [part for g in split for layer in groups[g] for part in layer]
        of_name: dict[str, list[int]] = {}
        for i, (name, _, _) in enumerate(self._pieces):
            of_name.setdefault(name, []).append(i)
        number = {(name, _start(rows)): i for i, (name, _, rows) in enumerate(self._pieces)}

        self.columns: dict[str, int] = {"grad_norm/total": 0}  # name: layers, 0 for a scalar
        members = [list(range(len(self._pieces)))]
        for group in [g for g in SINGLE if g in groups]:
            self.columns[f"grad_norm/{group}"] = 0
            members.append([number[n, _start(r)] for n, _, r in groups[group][0]])
        for group in [g for g in groups if g not in (*SINGLE, *SINGLE_NORMS)]:
            self.columns[f"grad_norm/{group}"] = len(groups[group])
            for layer in groups[group]:
                # `block` names whole tensors, which other groups hold in pieces.
                whole = [i for n, _, _ in layer for i in of_name[n]]
                pieces = [number[n, _start(r)] for n, _, r in layer] if group != "block" else whole
                members.append(pieces)
        self.size = len(members)
        # A layer that lacks a group (most blocks have no shortcut to train) has no norm of it.
        self._absent = torch.tensor([k for k, m in enumerate(members) if not m], dtype=torch.int64)
        self._output = torch.tensor([k for k, m in enumerate(members) for _ in m])
        self._input = torch.tensor([i for m in members for i in m])

    def measure(self) -> Tensor:
        """All norms in the order of `columns`, flat (size,) float64, on the gradients' device."""
        of = self._here.of
        gradients = [of(p.grad, rows) for _, p, rows in self._pieces]  # type: ignore[arg-type]
        if gradients[0].is_cuda:
            # Not waiting for the device rules out a look at the values, so always in float64.
            norms = torch.stack(torch._foreach_norm(gradients, 2, dtype=torch.float64))
            self._output, self._input = self._output.to(norms.device), self._input.to(norms.device)
            self._absent = self._absent.to(norms.device)
        else:
            norms = _norms(gradients)  # (pieces,)
            unsafe = (norms < SAFE_NORM) | ~norms.isfinite()
            for i in torch.nonzero(unsafe).flatten().tolist():
                norms[i] = torch.linalg.vector_norm(gradients[i], dtype=torch.float64)
        # A sum by index and not a matrix product, in which 0 · inf would spoil every group.
        squares = self._here.summed(norms.square())[self._input]
        summed = norms.new_zeros(self.size).index_add_(0, self._output, squares)
        return summed.sqrt_().index_fill_(0, self._absent, torch.nan)

    def clipping(self, measured: Tensor, most: float) -> Tensor:
        """The number to divide all gradients by so that their norm is at most `most`, from a
        measurement.

        The rule of torch.nn.utils.clip_grad_norm_. A fused optimizer divides by it on its way
        through the gradients (`grad_scale`), which saves two passes over them.
        """
        return ((measured[0] + 1e-6) / most).clamp(min=1.0).float()


class UpdateRatios:
    """How far the optimizer moved each matrix in one step, relative to its size.

    `update_ratio/<group>` is std(Δθ) / std(θ) of the weight matrix from the optimizer's real Δθ;
    around 1e-3 is healthy. For `norm` and `block`, which gather tensors of different scale (and
    gains that are all one), it is ‖Δθ‖ / ‖θ‖.
    """

    def __init__(self, model: nn.Module) -> None:
        self._groups = {
            group: layers
            for group, layers in parameter_groups(model).items()
            if group in (*MATRICES, "norm", "block")
        }
        self._before: dict[str, Tensor] = {}
        self._nothing = torch.tensor(torch.nan, device=next(model.parameters()).device)
        self.columns = {f"update_ratio/{g}": len(layers) for g, layers in self._groups.items()}

    def before(self) -> None:
        """Remember the parameters; call it just before the optimizer's step."""
        parts = [p for layers in self._groups.values() for layer in layers for p in layer]
        self._before = {name: parameter.detach().clone() for name, parameter, _ in parts}

    @torch.no_grad()
    def measure(self) -> dict[str, Tensor]:
        """Each group's ratios (L,); call it just after the optimizer's step."""
        ratios = {}
        for group, layers in self._groups.items():
            one = self._matrix if group in MATRICES else self._together
            ratios[f"update_ratio/{group}"] = torch.stack([one(layer) for layer in layers])
        self._before = {}
        return ratios

    def _matrix(self, parts: list[Part]) -> Tensor:
        for name, parameter, rows in parts:
            if parameter.ndim >= 2:
                old = _rows(self._before[name], rows)
                return (_rows(parameter, rows) - old).std() / old.std()
        return self._nothing

    def _together(self, parts: list[Part]) -> Tensor:
        if not parts:
            return self._nothing
        old = torch.stack([self._before[n].square().sum() for n, _, _ in parts]).sum()
        moved = torch.stack([(p - self._before[n]).square().sum() for n, p, _ in parts]).sum()
        return (moved / old).sqrt()


def split_columns(columns: dict[str, int], flat: Tensor) -> dict[str, Tensor]:
    """Rows of flat measurements (n, size) as named columns, (n,) or (n, L)."""
    ends = [0]
    for layers in columns.values():
        ends.append(ends[-1] + (layers or 1))
    return {
        name: flat[:, start:end] if columns[name] else flat[:, start]
        for name, (start, end) in zip(columns, pairwise(ends), strict=True)
    }


def _norms(tensors: list[Tensor]) -> Tensor:
    """The norm of each tensor on a processor, (n,) float64; large ones are summed by chunks."""
    chunks = [x.reshape(-1).split(CHUNK) if x.numel() > CHUNK else (x,) for x in tensors]
    norms = torch.stack(torch._foreach_norm([c for one in chunks for c in one])).double()
    if len(norms) == len(tensors):
        return norms
    parts = norms.square().split([len(one) for one in chunks])
    return torch.stack([part.sum() for part in parts]).sqrt()


def _start(rows: slice | None) -> int:
    return -1 if rows is None else int(rows.start)


def _rows(tensor: Tensor, rows: slice | None) -> Tensor:
    return tensor if rows is None else tensor[rows]
