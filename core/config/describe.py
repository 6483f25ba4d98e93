"""Settings as a short name says them: `post-LN L12`, `12 layers`, `rate 0.001`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config.alike import FORK
from core.config.norms import norm_label
from core.config.overrides import Switch
from core.config.run import settings
from core.config.words import file_name, format_value, title_in_sentence, words_of
from core.language import mark

SHORT = {
    "model.residual": mark("residual"),
    "model.placement": mark("placement"),
    "model.feedforward_width": mark("ff width"),
    "model.scaling": mark("scaling"),
    "optimizer.learning_rate": mark("rate"),
    "training.evaluate_every": mark("eval every"),
    "training.checkpoint_every": mark("checkpoints"),
    FORK: mark("starts from"),
}
FAMILIES = {"transformer": "Transformer", "mlp": "MLP", "resnet": "ResNet"}
UNSAID = {"model.residual": ("on",), "model.scaling": ("one", "gpt2")}  # the usual values
Values = Mapping[str, Any]


def short_title(dotted: str) -> str:
    """`optimizer.warmup_steps` -> `warm-up`."""
    return SHORT.get(dotted) or title_in_sentence(dotted)


def described(values: Values) -> str:
    """A short name made from the settings that this laboratory is about: `post-LN L12`."""
    resnet = values["model.family"] == "resnet"
    words = [] if values["model.family"] == "transformer" else [phrase("model.family", values)]
    words.append(phrase("model.norm" if resnet else "model.placement", values))
    residual, scaling = values["model.residual"], values["model.scaling"]
    if residual != "on":
        words.append("no residual" if residual == "off" else f"{residual} residual")
    if resnet:
        return " ".join([*words, f"L{4 * values['model.blocks_per_stage']}"])
    if scaling not in UNSAID["model.scaling"]:
        words.append(scaling)
    if values["model.overrides"]:
        words.append("with overrides")
    return " ".join([*words, f"L{values['model.depth']}"])


def is_made(name: str, values: Values, of_grid: bool = False) -> bool:
    """Whether a name is one that the laboratory makes: of the wiring, of a twin, of a grid."""
    base = described(values)
    if name == base:
        return True
    if name.startswith(f"{base}, "):
        rest = name.removeprefix(f"{base}, ")
        return any(
            rest == f"{str(setting.title).lower()} {values.get(dotted)}"
            for dotted, setting in settings().items()
        )
    return of_grid and _is_cell(name, values)


def _is_cell(name: str, values: Values) -> bool:
    """Whether a grid gave this name: the values of some settings, cut where they were too long."""
    phrases = [words_of({dotted: value}) for dotted, value in values.items()]
    rest = name
    while rest:
        fitting = [p for p in phrases if rest == p or rest.startswith(f"{p}, ")]
        if not fitting:
            return len(name) >= 120 and any(p.startswith(rest) for p in phrases)
        rest = rest.removeprefix(max(fitting, key=len)).removeprefix(", ")
    return True


def phrase(dotted: str, values: Values) -> str:
    """A setting as a name says it: `pre-LN`, `12 layers`, `rate 0.001`, `seed 3`."""
    value = values.get(dotted)
    if dotted == "model.family":
        return FAMILIES.get(str(value), str(value))
    if dotted in ("model.placement", "model.norm"):
        return _norm(values)
    if dotted == "model.blocks_per_stage":
        dotted, value = "model.depth", 4 * int(value or 0)
    if dotted == "model.depth":
        return f"{value} layer{'s' * (value != 1)}"
    if dotted == "model.overrides":
        return "; ".join(layers(one) for one in value) if value else "no overrides"
    return f"{short_title(dotted)} {format_value(file_name(dotted, value))}"


def _norm(values: Values) -> str:
    norm, placement = values.get("model.norm"), values.get("model.placement")
    if norm == "none" or (placement == "none" and values.get("model.family") != "resnet"):
        return "no norm"
    label = norm_label(str(norm))
    return label if values.get("model.family") == "resnet" else f"{placement}-{label}"


def layers(one: Values) -> str:
    """Which layers change to what, counted from 1."""
    return Switch.model_validate({"step": 0, **one}).words
