"""What each analysis is asked with: types, limits and words, read by the command line and schemas.

No torch here: a page checks a question before a process is called for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import WithJsonSchema

from core.anatomy import operations
from core.config import ModelConfig
from core.config.base import setting
from core.language import Message

WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true, false"}


class Parameters(BaseModel):
    """The parameters of an analysis. Types are strict: "8" is refused for 8, and 1 for true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def names(cls) -> list[str]:
        """Its parameters, those of its own before those that it shares."""
        return sorted(cls.model_fields, key=lambda name: name not in cls.__annotations__)

    @classmethod
    def checked(cls, kind: str, given: dict[str, Any]) -> Self:
        """The parameters that were given, and defaults. Raises ValueError saying what is accepted.

        `kind` is the analysis, for the sentence.
        """
        for unknown in given.keys() - cls.model_fields.keys():
            known = ", ".join(cls.names()) or "nothing"
            raise ValueError(
                Message(
                    "{kind} takes no {unknown}; it takes: {known}",
                    kind=kind,
                    unknown=unknown,
                    known=known,
                )
            )
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0])
            field, value = cls.model_fields[name], given[name]
            value = float(value) if field.annotation is float and type(value) is int else value
            raise ValueError(
                Message(
                    "{name} is {value}; accepted: {field}",
                    name=name,
                    value=repr(value),
                    field=accepted(field),
                )
            ) from error

    def fit(self, model: ModelConfig) -> None:
        """Raises ValueError for what this network can't do."""


def accepted(field: FieldInfo) -> str:
    """The values of a parameter, in words: "a whole number from 1 to 100"."""
    word = next((words for kind, words in WORDS.items() if field.annotation is kind), "a list")
    limits = {name: value for one in field.metadata for name, value in _limits(one)}
    low, high = limits.get("ge"), limits.get("le")
    if low is None and high is None:
        return word
    return f"{word} from {low:g}" + ("" if high is None else f" to {high:g}")


def _limits(one: Any) -> list[tuple[str, float]]:
    return [(name, getattr(one, name)) for name in ("ge", "le") if hasattr(one, name)]


def _windows(default: int, low: int, high: int) -> Any:
    return setting(default, "Windows", "Held-out windows to read.", ge=low, le=high)


def _text() -> Any:
    return setting("", "Text", "What the network reads; empty is the run's probe text.")


def _seed(high: int, of: str) -> Any:
    return setting(0, "Seed", f"Of {of}; the same seed gives the same.", ge=0, le=high)


class Drawing(Parameters):
    """How tokens are drawn."""

    temperature: float = setting(
        0.8, "Temperature", "Divides the logits; 0 takes the likeliest token.", ge=0, le=100
    )
    top_k: int = setting(0, "Top k", "Draw among the k likeliest tokens; 0 is all.", ge=0)
    top_p: float = setting(
        1.0, "Top p", "Draw among the likeliest tokens that sum to p; 1 is all.", ge=0, le=1
    )
    seed: int = _seed(2**63 - 1, "the draws")

    @property
    def drawing(self) -> dict[str, Any]:
        """The options of :func:`core.models.sampling.draw`, by name."""
        return {name: getattr(self, name) for name in Drawing.model_fields}


class Attention(Parameters):
    """Attention of a typed text."""

    text: str = _text()


BLOCK_TOKENS = 8  # of a text whose matrices are read as numbers


class Block(Parameters):
    """One layer step by step, as numbers, on a short text."""

    text: str = setting(
        "",
        "Text",
        f"At most {BLOCK_TOKENS} characters; empty is the start of the run's probe text.",
    )
    layer: int = setting(0, "Layer", "Counted from 0.", ge=0, le=100_000)
    head: int = setting(0, "Head", "The one that is shown, counted from 0.", ge=0, le=100_000)

    def fit(self, model: ModelConfig) -> None:
        """Raises ValueError for a layer or a head that the network lacks."""
        for name, value, many in (
            ("layer", self.layer, model.depth),
            ("head", self.head, model.heads if "attention" in model.parts else 1),
        ):
            if value >= many:
                there = "0" if many == 1 else f"0 to {many - 1}"
                raise ValueError(
                    Message(
                        "{name} is {value}; accepted: {there}", name=name, value=value, there=there
                    )
                )


class Generate(Drawing):
    """Text from a language model."""

    prompt: str = setting(
        "\n", "Prompt", "The text to continue; the network sees its end, model.context tokens."
    )
    length: int = setting(200, "Length", "Tokens to add.", ge=1, le=100_000)


class Score(Parameters):
    """How well a checkpoint predicts text."""

    text: str = setting("", "Text", "What is predicted; empty is held-out text of the run.")
    windows: int = _windows(256, 1, 100_000)


class Continuations(Drawing):
    """BLEU and ROUGE of continuations against how the held-out text goes on."""

    prompts: int = setting(
        16, "Prompts", "Held-out places to continue, evenly spread.", ge=1, le=1000
    )
    prompt_length: int = setting(
        64, "Prompt length", "Characters before such a place.", "characters", ge=1, le=100_000
    )
    length: int = setting(64, "Length", "Characters to write.", "characters", ge=1, le=100_000)
    examples: int = setting(8, "Examples", "Continuations to return.", ge=0, le=1000)


class Lens(Parameters):
    """The logit lens: what the network would say if it stopped at a layer."""

    text: str = _text()
    top: int = setting(5, "Top", "Tokens listed at each place, likeliest first.", ge=1, le=50)
    middle: bool = setting(
        False, "Middle", "Read the stream between attention and feed-forward too."
    )
    windows: int = _windows(32, 1, 10_000)


OPERATIONS = WithJsonSchema(
    {"type": "array", "items": TypeAdapter(operations.Given).json_schema()}, mode="validation"
)
Many = BeforeValidator(lambda value: list(value) if isinstance(value, tuple) else value)


class Operate(Drawing):
    """Change parts of a trained network and see what it costs."""

    operations: Annotated[list[Any], Many, OPERATIONS] = setting(
        [], "Operations", "What to change: a list of objects with target, layer and action."
    )
    windows: int = _windows(64, 2, 10_000)
    text: str = _text()
    prompt: str = setting("\n", "Prompt", "The text to continue before and after.")
    length: int = setting(120, "Length", "Tokens to add; 0 writes nothing.", ge=0, le=10_000)

    def fit(self, model: ModelConfig) -> None:
        """Raises ValueError for the first operation that is impossible."""
        for one in self.operations:
            operations.read(model, one)


class Lesion(Parameters):
    """Every part taken out by itself, and what the loss says."""

    windows: int = _windows(64, 2, 10_000)
    seconds: float = setting(
        60.0, "Seconds", "The time it may take, with fewer windows where needed.", "s", ge=1,
        le=86_400,
    )  # fmt: skip


class Paths(Parameters):
    """Paths through the residual network by their length."""

    windows: int = _windows(8, 1, 1000)


class Heads(Parameters):
    """Every head scored on held-out text and on repeated tokens."""

    windows: int = _windows(8, 1, 1000)
    seed: int = _seed(2**32 - 1, "the repeated random tokens")


class Masked(Parameters):
    """What an encoder says for the masked tokens of a text."""

    text: str = setting(
        "", "Text", "With [MASK] wherever a token is to be predicted.", min_length=1,
        max_length=20_000,
    )  # fmt: skip


class Profile(Parameters):
    """What probes measure while training, of one checkpoint on its probe text."""


class Streams(Parameters):
    """What happens to the residual stream on its way up."""

    windows: int = _windows(8, 1, 1000)


Others = Annotated[list[Any], Many, WithJsonSchema({"type": "array", "items": {"type": "string"}})]


class Cka(Parameters):
    """How alike the representations of two layers are, within one run or between two."""

    others: Others = setting(
        [], "Others", "The one run to compare with, as id or id@step; none is itself."
    )
    windows: int = _windows(8, 1, 1000)


class Grid(Parameters):
    """How finely a loss is measured."""

    seconds: float = setting(
        20.0, "Seconds", "The time that the grid may take: the finest that fits.", "s", ge=0,
        le=86_400,
    )  # fmt: skip
    points: int = setting(
        0, "Points", "An odd number of points along each axis instead; 0 goes by time.", ge=0,
        le=257,
    )  # fmt: skip


class Landscape(Grid):
    """The loss around a checkpoint in random directions."""

    others: Others = setting(
        [], "Others", "More checkpoints on the same axes and scale, as id or id@step."
    )
    radius: float = setting(
        1.0, "Radius", "The axes go from -radius to radius, in lengths of the weights.", ge=0.001,
        le=100,
    )  # fmt: skip
    seed: int = _seed(2**32 - 1, "the directions")


class Trajectory(Grid):
    """The path of training in the plane in which it moved most."""
