"""A block as a list of parts, in the order in which x meets them: what the drawings agree on.

Each sublayer is ``y = post( skip(x) + scale · inner( F( pre(x) ) ) )``; a part that is off is
absent. Where norms sit comes from the same table as the network itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.config import PLACEMENTS, ModelConfig, layers
from core.config.norms import norm_label
from core.config.wiring import RESIDUALS, Site, SublayerName
from core.language import mark, t

PartKind = Literal["norm", "attention", "feedforward", "scale", "add", "conv", "relu"]

TIMES = (
    "",
    "",
    "",
    mark("three"),
    mark("four"),
    mark("five"),
    mark("six"),
    mark("seven"),
    mark("eight"),
    mark("nine"),
    mark("ten"),
    mark("eleven"),
    mark("twelve"),
)
# A branch scaling's own name, and where it is from.
SCALED = {
    "deepnorm": ("DeepNorm", "Wang et al. 2022"),
    "admin": ("Admin", "Liu et al. 2020"),
    "rezero": ("ReZero", "Bachlechner et al. 2020"),
    "layerscale": ("LayerScale", "Touvron et al. 2021"),
    "lns": ("LayerNorm Scaling", "Sun et al. 2025"),
}
FACTORS = {"deepnorm": "α", "admin": "ω"}  # of the skip
SCALES = {"rezero": "α", "layerscale": "γ"}  # of the branch
INSIDE: dict[Site, str] = {"joined": mark("before W_O"), "hidden": mark("after the activation")}


@dataclass(frozen=True)
class Part:
    """One box or sign on the stream; `note` stands under it."""

    kind: PartKind
    label: str
    sublayer: SublayerName
    note: str = ""


def kinds(model: ModelConfig) -> tuple[SublayerName, ...]:
    """The sublayers that a block is drawn with; a ResNet's block is drawn as one."""
    return model.parts or ("feedforward",)


def has_residual(model: ModelConfig, which: SublayerName) -> bool:
    """Whether x is carried past this sublayer."""
    return which in RESIDUALS[model.residual]


def sites(model: ModelConfig, which: SublayerName) -> tuple[Site, ...]:
    """Where this sublayer has norms."""
    return PLACEMENTS[model.placement].sites(which)


def factor(model: ModelConfig, which: SublayerName) -> str:
    """The factor of x on the skip path: α, ω, or nothing."""
    return FACTORS.get(model.scaling, "") if has_residual(model, which) else ""


def sublayer(model: ModelConfig, which: SublayerName) -> list[Part]:
    """The parts of one sublayer, in order; `model` is one layer's (see `usual`)."""
    if model.family == "resnet":
        return _residual_block(model)
    at = sites(model, which)
    word = norm_label(model.norm)
    norm = Part("norm", word, which)
    before = Part("norm", f"{word}/√l", which) if model.scaling == "lns" else norm
    name = mark("attention") if which == "attention" else mark("feed-fwd")
    scale = SCALES.get(model.scaling)
    return [
        *([before] if "pre" in at else []),
        Part(which, name, which, "; ".join(inside(model, which))),
        *([norm] if "inner" in at else []),
        *([Part("scale", scale, which)] if scale else []),
        *([Part("add", "+", which, factor(model, which))] if has_residual(model, which) else []),
        *([norm] if "post" in at else []),
    ]


def _residual_block(model: ModelConfig) -> list[Part]:
    norm = [Part("norm", norm_label(model.norm), "feedforward")] if model.norm != "none" else []
    conv, relu = Part("conv", "3×3", "feedforward"), Part("relu", "ReLU", "feedforward")
    add = [Part("add", "+", "feedforward")] if model.residual == "on" else []
    return [conv, *norm, relu, conv, *norm, *add, relu]


def inside(model: ModelConfig, which: SublayerName) -> list[str]:
    """The norms and scales inside F, in words: `LN on q, k`."""
    at = list(sites(model, which))
    found = []
    if which == "attention" and model.family != "mlp":
        qk = ["q", "k"] if model.qk_norm != "off" else []
        on = [part for part in "qkv" if part in at or part in qk]
        if on:
            found.append(t("{norm} on {parts}", norm=norm_label(model.norm), parts=", ".join(on)))
        if PLACEMENTS[model.placement].head_scale:
            found.append(t("γ per head"))
    found += [f"{norm_label(model.norm)} {t(INSIDE[site])}" for site in at if site in INSIDE]
    return found


def parts(model: ModelConfig) -> list[Part]:
    """The parts of one usual block, in order."""
    one = usual(model)
    return [part for which in kinds(one) for part in sublayer(one, which)]


def usual(model: ModelConfig) -> ModelConfig:
    """The settings of the layers that nothing overrides; under `mix` of the later ones."""
    update: dict[str, object] = {"overrides": ()} if model.overrides else {}
    if model.placement == "mix":
        update["placement"] = "pre"
    return model.model_copy(update=update) if update else model


def alike(model: ModelConfig) -> int:
    """How many blocks are as `usual` has them."""
    return model.blocks - len(_differing(model))


def exceptions(model: ModelConfig) -> Iterator[tuple[str, ModelConfig]]:
    """The layers that differ from the usual one, in words (`layers 1 to 3`), and their settings.

    Neighbours that are alike go together.
    """
    runs: list[list[int]] = []
    for layer in _differing(model):
        alike_before = _wiring(model, layer - 1) == _wiring(model, layer) if layer else False
        if runs and runs[-1][-1] == layer - 1 and alike_before:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    for run in runs:
        first, last = run[0], run[-1]
        yield layers.named(first, last), model.at(first).model_copy(update={"overrides": ()})


def _differing(model: ModelConfig) -> list[int]:
    """The layers, from 0, that are not as the usual one."""
    base = _wiring(model, None)
    every = range(model.depth if model.overrides or model.placement == "mix" else 0)
    return [layer for layer in every if _wiring(model, layer) != base]


def _wiring(model: ModelConfig, layer: int | None) -> tuple[str, ...]:
    one = usual(model) if layer is None else model.at(layer)
    return one.residual, one.placement, one.norm, one.scaling


def published(model: ModelConfig) -> str:
    """The name of this wiring in the literature, and its source."""
    if model.family == "resnet":
        name = "ResNet" if model.residual == "on" else t("plain network")
        return f"{name} · He et al. 2016"
    if model.placement == "none" and model.scaling not in SCALED:
        if model.residual == "on":
            return t("Add without Norm · Fixup, Zhang et al. 2019")
        if model.residual == "off":
            return t("neither Add nor Norm · a plain stack")
        return t("Add around the {part} only, no Norm", part=_word(model.residual))
    name, source = _name(model)
    if model.residual == "off":
        return t("{name} without Add · Dong et al. 2021", name=name)
    if model.residual != "on":
        return t("{name}, Add around the {part} only", name=name, part=_word(model.residual))
    return f"{name} · {source}"


def _name(model: ModelConfig) -> tuple[str, str]:
    row = PLACEMENTS[model.placement]
    name, source = row.name, row.source
    if model.norm == "rms" and model.placement in ("pre", "post", "sandwich"):
        source = "Touvron et al. 2023" if model.placement == "pre" else "Zhang & Sennrich 2019"
    if model.norm == "rms" and model.placement == "reordered" and model.qk_norm == "width":
        name, source = "OLMo 2", "OLMo Team 2024"
    if model.scaling in SCALED and not (model.scaling in FACTORS and model.residual == "off"):
        own, source = SCALED[model.scaling]
        name = (
            own if model.scaling != "layerscale" else t("{first} with {last}", first=name, last=own)
        )
    word = norm_label(model.norm)
    if word in ("LN", "") or name == "OLMo 2" or model.placement == "none":
        return name, source
    return (name.replace("LN", word) if "LN" in name else f"{name}, {word}"), source


def _word(which: str) -> str:
    return t("feed-forward") if which == "feedforward" else t(which)


def title(model: ModelConfig) -> str:
    """`One block, twelve times`; of layers that differ `12 blocks, not all alike`."""
    depth = model.blocks
    if alike(model) < depth:
        return t("{depth:,} blocks, not all alike", depth=depth)
    if depth < 3:
        return t("One block, once") if depth == 1 else t("One block, twice")
    number = t(TIMES[depth]) if depth < len(TIMES) else f"{depth:,}"
    return t("One block, {number} times", number=number)
