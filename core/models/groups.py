"""Which parameter belongs to which gradient group of the metrics."""

from __future__ import annotations

from torch import nn

# (name in `named_parameters`, the parameter, its rows or None for all of it)
Part = tuple[str, nn.Parameter, slice | None]

# A block's linear layers by their path inside the block; `qkv` is split by rows.
GROUP_OF = {
    "attn.f.out": "attn.o",
    "mlp.f.w_in": "mlp.in",
    "mlp.f.w_gate": "mlp.gate",
    "mlp.f.w_out": "mlp.out",
    "attn.skip": "scale",
    "mlp.skip": "scale",
    "attn.scale": "scale",
    "mlp.scale": "scale",
    "attn.f.head_scale": "scale",
    "conv1": "conv1",
    "conv2": "conv2",
    "shortcut.0": "shortcut",
}
LAYER_GROUPS = (
    "attn.q",
    "attn.k",
    "attn.v",
    "attn.o",
    "mlp.in",
    "mlp.gate",
    "mlp.out",
    "conv1",
    "conv2",
    "shortcut",
    "norm",
    "scale",
    "block",
)

SINGLE_NORMS = ("embedding_norm", "final_norm")


def parameter_groups(model: nn.Module) -> dict[str, list[list[Part]]]:
    """Each gradient group's parameters: a list over layers of lists of (name, parameter, rows).

    Layer groups: ``attn.q attn.k attn.v attn.o mlp.in mlp.gate mlp.out norm scale`` (a ResNet
    has ``conv1 conv2 shortcut norm``) and ``block``, the whole layer. ``scale`` is what multiplies
    a skip, a branch or a head: Admin's ω, ReZero's α, LayerScale's γ, NormFormer's head scale.
    Beside them, as lists of one entry: ``embed`` (token and position embeddings, and the head's
    matrix where it is tied; all that stands before the blocks), ``embedding_norm``, ``head``,
    ``final_norm``. Weights and biases go together.
    A group that the network lacks is absent. Each parameter occurs once, and once more in `block`.
    """
    groups: dict[str, list[list[Part]]] = {"embed": [[]]}
    depth = len(model.blocks)  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():  # a tied tensor comes once, as token.weight
        top, _, rest = name.partition(".")
        if top == "blocks":
            layer, _, inside = rest.partition(".")
            for group, rows in _inside_block(inside, parameter):
                layers = groups.setdefault(group, [[] for _ in range(depth)])
                layers[int(layer)].append((name, parameter, rows))
        else:
            group = top if top in ("head", *SINGLE_NORMS) else "embed"
            groups.setdefault(group, [[]])[0].append((name, parameter, None))
    order = ("embed", "embedding_norm", *LAYER_GROUPS, "final_norm", "head")
    return {group: groups[group] for group in order if group in groups}


def _inside_block(name: str, parameter: nn.Parameter) -> list[tuple[str, slice | None]]:
    """The groups of a block's parameter, with its rows in each."""
    owner = name.rpartition(".")[0]
    if owner == "attn.f.qkv":
        width = len(parameter) // 3
        parts: list[tuple[str, slice | None]] = [
            (f"attn.{part}", slice(i * width, (i + 1) * width)) for i, part in enumerate("qkv")
        ]
    else:
        parts = [(GROUP_OF.get(owner, "norm"), None)]
    return [*parts, ("block", None)]
