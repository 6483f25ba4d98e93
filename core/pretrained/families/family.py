"""What a family says of itself, and how its settings are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from core.config import ModelConfig
from core.language import Message
from core.pretrained.rules import Rule, Zero
from core.pretrained.tensors import PretrainedError

Config = Mapping[str, Any]
# What is left of a source's context, which may be longer than any network here.
MOST_CONTEXT = 8192
# Their names of an ungated feed-forward network's activation, and the one that is written.
ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
               "relu": "relu"}  # fmt: skip
WRITTEN = {"gelu_tanh": "gelu_new", "gelu": "gelu", "relu": "relu"}
# What no family has otherwise.
PLAIN: dict[str, tuple[Any, ...]] = {
    "value_residual": (False,),
    "embedding_scale": (False,),
    "sublayers": ("both",),
    "residual": ("on",),
    "scaling": ("one", "gpt2"),
    "overrides": ((),),
}


class Family(ABC):
    """Models of one ``model_type``: settings and tensors, both ways."""

    name: str
    architecture: str  # the class of `transformers` that reads what is exported
    prefix: str  # of the tensors below the output layer
    head = "lm_head.weight"  # theirs, of the output layer
    left_out: Sequence[str] = ()  # regular expressions: tensors that change no logit
    writes = True  # whether it has an output layer
    # Of the head that predicts masked tokens, which is kept beside the network: our names, theirs.
    masked: Mapping[str, str] = MappingProxyType({})
    masked_architecture = ""

    @abstractmethod
    def settings(self, config: Config, context: int) -> dict[str, Any]:
        """Settings of the network, from theirs. Raises PretrainedError naming one without twin."""

    @abstractmethod
    def rules(self, model: ModelConfig, vocabulary: int, config: Config) -> list[Rule]:
        """Every tensor of the network; theirs without the prefix but for the head.

        `config` is theirs, of a source or as :meth:`config` makes it.
        """

    @abstractmethod
    def misfit(self, model: ModelConfig) -> str | None:
        """The setting of ours that this family lacks, as "model.placement post"; None if none."""

    @abstractmethod
    def config(self, model: ModelConfig, vocabulary: int) -> dict[str, Any]:
        """Their `config.json` of a network that fits."""

    def context(self, config: Config) -> int:
        """Tokens that the source sees at once and a network here may see."""
        return min(number(self.name, config, "max_position_embeddings"), MOST_CONTEXT)


def number(kind: str, config: Config, *names: str, default: int | None = None) -> int:
    """A whole number of a `config.json`, under the first name that it has."""
    for name in names:
        value = config.get(name)
        if type(value) is int and value > 0:
            return value
        if value is not None:
            raise _wrong(kind, name, value, "a whole number above 0")
    if default is None:
        raise PretrainedError(
            Message("the config.json of this {kind} model lacks {setting}", kind=kind,
                    setting=names[0])
        )  # fmt: skip
    return default


def real(kind: str, config: Config, name: str, default: float) -> float:
    """A positive number of a `config.json`."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise _wrong(kind, name, value, "a number above 0")
    return float(value)


def only(kind: str, config: Config, name: str, accepted: Sequence[Any], default: Any) -> Any:
    """A setting that has to be one of these. Raises PretrainedError naming it."""
    value = config.get(name, default)
    if not any(type(value) is type(one) and value == one for one in accepted):
        raise _wrong(kind, name, value, ", ".join(str(one) for one in accepted))
    return value


def _wrong(kind: str, name: str, value: Any, accepted: str) -> PretrainedError:
    return PretrainedError(
        Message(
            "{setting} of this {kind} model is {value}, which has no twin here;"
            " accepted: {accepted}",
            setting=name, kind=kind, value=str(value)[:80], accepted=accepted,
        )
    )  # fmt: skip


def unlike(model: ModelConfig, **accepted: tuple[Any, ...]) -> str | None:
    """The first setting that is none of the accepted values, or that no family has, as
    "model.placement post"."""
    for name, values in ({"family": ("transformer",)} | accepted | PLAIN).items():
        if getattr(model, name) not in values:
            return f"model.{name} {getattr(model, name)}"
    return None


def output_rules(model: ModelConfig, vocabulary: int, head: str) -> list[Rule]:
    """The output layer, where it is not the embedding's; theirs has no bias."""
    found = []
    if not model.tie_embeddings:
        found.append(Rule("head.weight", (vocabulary, model.width), (head,)))
    if model.head_bias:
        found.append(Rule("head.bias", (vocabulary,), (), Zero(vocabulary)))
    return found
