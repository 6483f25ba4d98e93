"""What is added to what: the two paths into each plus sign, by layer.

Per sublayer (`attn`, `mlp`), each (L,): `skip/rms/<sublayer>`, the root mean square of what skips
carry as it is added (x, αx, ω ⊙ x; 0 without one); `branch/rms/<sublayer>`, that of the branch
with its norms and scale; `branch/share/<sublayer>`, branch over skip, NaN without a skip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Paths = dict[str, list[tuple[Tensor, Tensor]]]  # by sublayer, of each layer: skip and branch


@contextmanager
def watched(model: nn.Module) -> Iterator[Paths]:
    """The paths of the forward pass that is done inside, in the order of the layers.

    Empty of a network whose blocks are no sublayers of this kind, as a ResNet's.
    """
    paths: Paths = {}
    handles = []
    for block in model.get_submodule("blocks").children():
        for part, sublayer in block.named_children():
            skip = getattr(sublayer, "skip", None)
            if isinstance(skip, nn.Module):
                handles.append(skip.register_forward_pre_hook(_keep(paths.setdefault(part, []))))
    try:
        yield paths
    finally:
        for handle in handles:
            handle.remove()


def _keep(
    seen: list[tuple[Tensor, Tensor]],
) -> Callable[[nn.Module, tuple[Tensor, Tensor]], None]:
    def look(skip: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        x, branch = inputs
        # By its own forward, as no hook is called there again; less the branch it is the skip.
        seen.append((skip.forward(x, torch.zeros_like(branch)), branch))

    return look


@torch.no_grad()
def sizes(paths: Paths) -> dict[str, Tensor]:
    """The metrics of the module's docstring, float64."""
    found: dict[str, Tensor] = {}
    for part, layers in paths.items():
        skip, branch = (rms([one[side] for one in layers]) for side in (0, 1))
        found[f"skip/rms/{part}"] = skip
        found[f"branch/rms/{part}"] = branch
        found[f"branch/share/{part}"] = (branch / skip).where(skip > 0, torch.nan)
    return found


def rms(tensors: list[Tensor]) -> Tensor:
    """The root mean square of each, (n,) float64."""
    norms = [torch.linalg.vector_norm(x, dtype=torch.float64) / x.numel() ** 0.5 for x in tensors]
    return torch.stack(norms)
