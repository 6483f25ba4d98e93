"""Which settings belong to which family of networks, and which words of a choice they share.

One rule for all: :class:`core.config.RunConfig` refuses by it, the page hides by it. A setting that
does not apply is ignored at its default and refused at any other value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel

from core.config.norms import NORMS
from core.config.tasks import OWNER, SYNTHETIC
from core.language import Message, mark

Family = Literal["transformer", "mlp", "resnet"]

NAMES: dict[str, str] = {
    "transformer": mark("a Transformer"),
    "mlp": mark("a feed-forward network"),
    "resnet": mark("a ResNet"),
}


class Shape(NamedTuple):
    """One image: channels, rows, columns."""

    channels: int
    height: int
    width: int


# Of a ResNet: each stage's channels as multiples of D, and the stride of its first block.
STAGES = ((1, 1), (2, 2), (4, 2), (8, 2))
# The corpora of images; all others are texts.
IMAGES: dict[str, Shape] = {
    "digits": Shape(1, 8, 8),
    "fashion-mnist": Shape(1, 28, 28),
    "cifar-10": Shape(3, 32, 32),
}
SMALL_IMAGE = 32  # `stem: auto` keeps the resolution of images up to this size

# Corpora of texts that people wrote, which a tokenizer cuts.
TEXTS = ("python-reference", "tiny-shakespeare", "file", "dataset")
# Which corpora read a field of `data`; all read one that is not named.
READ_BY: dict[str, tuple[str, ...]] = {
    **{field: (task,) for field, task in OWNER.items()},
    **dict.fromkeys(("dataset", "split", "megabytes"), ("dataset",)),
    "column": ("file", "dataset"),
    **dict.fromkeys(("tokenizer", "vocabulary", "tokenizer_file", "encoding"), TEXTS),
}
# And which tokenizer reads it.
OF_TOKENIZER = {"vocabulary": "bpe", "tokenizer_file": "file", "encoding": "tiktoken"}

EVERYWHERE = ("family", "residual", "norm", "width", "init", "head_bias", "norm_epsilon")
# What each family reads beside that; the Transformer reads all but the ResNet's own.
READS: dict[str, tuple[str, ...]] = {
    "mlp": (
        *EVERYWHERE,
        *("placement", "depth", "context", "feedforward_width", "activation", "scaling"),
        *("dropout", "bias", "final_norm"),
    ),
    "resnet": (*EVERYWHERE, "blocks_per_stage", "stem"),
}
RESNET_ONLY = ("blocks_per_stage", "stem")

# Words of a choice that a family has no use for.
_IMAGES_ONLY = tuple(IMAGES)
_PARTS = ("attention", "feedforward")
REFUSED: dict[tuple[str, str], tuple[str, ...]] = {
    ("transformer", "model.norm"): ("batch", "group"),
    ("transformer", "data.corpus"): _IMAGES_ONLY,
    ("mlp", "model.residual"): _PARTS,
    ("mlp", "model.norm"): ("batch", "group"),
    ("mlp", "model.placement"): ("normformer", "hybrid"),
    ("mlp", "model.scaling"): ("deepnorm", "admin"),
    ("resnet", "model.residual"): _PARTS,
    # Of the norms over features it has LayerNorm alone.
    ("resnet", "model.norm"): tuple(name for name in NORMS if name not in ("layer", "none")),
    ("resnet", "data.corpus"): (
        *TEXTS,
        *SYNTHETIC,
    ),
}
OWN_CORPUS = {"resnet": "digits"}
OWN_NORM = {"resnet": "batch"}
CLASSES = 10  # of each corpus of images


def applies(dotted: str, config: Any) -> str | None:
    """Why a setting has no meaning beside these settings; None where it has.

    `config` is a RunConfig, or the settings by their dotted names.
    """
    family, corpus, tokenizer = _about(config)
    group, _, name = dotted.partition(".")
    if group == "model":
        reads = name in READS[family] if family in READS else name not in RESNET_ONLY
        if not reads:
            return Message("{network} does not read it", network=named(family))
        if name == "context" and corpus in IMAGES:
            return Message("an image has no context, and data.corpus is {corpus}", corpus=corpus)
    if group == "data" and corpus not in READ_BY.get(name, (corpus,)):
        return Message(
            "only {owner} reads it, and data.corpus is {corpus}",
            owner=", ".join(READ_BY[name]),
            corpus=corpus,
        )
    if group == "data" and OF_TOKENIZER.get(name, tokenizer) != tokenizer:
        return Message(
            "only {owner} reads it, and data.tokenizer is {tokenizer}",
            owner=OF_TOKENIZER[name],
            tokenizer=tokenizer,
        )
    if dotted == "training.switches" and family != "transformer":
        return Message("{network} has no overrides", network=named(family))
    if group == "probes" and name in ("text", "tokens", "attention") and family != "transformer":
        if name == "attention":
            return Message("{network} has no attention", network=named(family))
        return Message("{network} has no probe text", network=named(family))
    return None


def named(family: str) -> str:
    """`a Transformer`; the word itself of a family that is not known."""
    return Message(NAMES[family]) if family in NAMES else family


def accepted(dotted: str, words: tuple[str, ...], config: Any) -> tuple[str, ...]:
    """The `words` of a choice that the family accepts."""
    family, *_ = _about(config)
    refused = REFUSED.get((family, dotted), ())
    return tuple(word for word in words if word not in refused)


def adapt(values: Mapping[str, Any], defaults: Mapping[str, Any], changed: str) -> dict[str, Any]:
    """Further settings that have to change after `changed` did, by dotted name: the family, the
    corpus or the tokenizer.

    Settings that no longer apply go back to their defaults, words that the family does not take
    become its own.
    """
    family = str(values["model.family"])
    if family not in NAMES:
        return {}  # RunConfig refuses it, and names those that there are
    now = dict(values)
    if now["data.corpus"] in REFUSED.get((family, "data.corpus"), ()):
        now["data.corpus"] = OWN_CORPUS.get(family, defaults["data.corpus"])
        now["data.path"] = now["data.dataset"] = None
    if changed == "model.family" and family in OWN_NORM and now["model.norm"] != "none":
        now["model.norm"] = OWN_NORM[family]
    for dotted, default in defaults.items():
        if dotted == "model.family":
            continue
        refused = REFUSED.get((family, dotted), ())
        if applies(dotted, now) or (isinstance(now[dotted], str) and now[dotted] in refused):
            now[dotted] = default
    if family != "resnet" and now["model.norm"] == "none":
        now["model.placement"] = "none"
    return {dotted: value for dotted, value in now.items() if value != values[dotted]}


def misfits(group: str, settings: BaseModel, about: Any) -> Iterator[tuple[str, str]]:
    """The settings of a group that the family refuses: the field, and what would be accepted."""
    family, *_ = _about(about)
    for name, field in type(settings).model_fields.items():
        dotted, value = f"{group}.{name}", getattr(settings, name)
        default = field.get_default(call_default_factory=True)
        if value == default and (family, dotted) not in REFUSED:
            continue  # most of them; thousands of runs are listed at once
        reason = applies(dotted, about)
        if reason and value != default:
            yield (
                name,
                Message(
                    "{value} has no meaning: {why}; accepted: {default} (the default)",
                    value=value,
                    why=reason,
                    default=default,
                ),
            )
        words = get_args(field.annotation)
        taken = accepted(dotted, words, about)
        if not reason and value in words and value not in taken:
            yield (
                name,
                Message(
                    "{value} is not for {network}; accepted: {accepted}",
                    value=value,
                    network=named(family),
                    accepted=", ".join(map(str, taken)),
                ),
            )


def _about(config: Any) -> tuple[str, str, str]:
    """Family, corpus and tokenizer."""
    if isinstance(config, Mapping):
        return (
            str(config["model.family"]),
            str(config["data.corpus"]),
            str(config.get("data.tokenizer", "characters")),
        )
    return config.model.family, config.data.corpus, config.data.tokenizer
