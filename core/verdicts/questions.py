"""Which twins are worth a try after a run, as questions that they answer; best first.

Pure. Whether a twin can be built, or was trained already, is decided in `advice.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.config import RunConfig, applies
from core.config.words import title_in_sentence, title_of
from core.language import Message
from core.runs.status import RESUMABLE
from core.verdicts.judgement import LITTLE, SIGMAS, WINDOW, scale
from core.verdicts.labels import DEAD_KINDS, nats
from core.verdicts.measured import Measured
from core.verdicts.verdict import Verdict

PARTS = {"attention": Message("attention"), "feedforward": Message("feedforward")}
Question = tuple[str, str, dict[str, Any]]


def questions(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Question]:
    """Sentence, button and changes of the twins that are worth a try, best first."""
    if verdict.kind in DEAD_KINDS:
        yield from _dead(config, measured)
    elif verdict.kind == "diverged":
        yield from _diverged(config, measured)
    elif verdict.kind == "memorised":
        yield from _memorised(config)
    elif verdict.kind == "learned":
        yield from _learned(verdict, config, measured)
    elif verdict.kind == "too_early":
        yield from _early(verdict, config, measured)


def _dead(config: RunConfig, measured: Measured) -> Iterator[Question]:
    model, steps = config.model, config.training.steps
    if not measured.rewired:
        if model.residual != "on":
            what = Message("It has no residual connections. Does it learn with them?")
            if model.residual != "off":
                what = Message(
                    "Only its {part} has residual connections. Does it learn with all?",
                    part=PARTS[model.residual],
                )
            yield what, Message("Residual on"), {"model.residual": "on"}
        if model.norm == "none":
            yield (
                Message("It has no norm. Does it learn with one before each sublayer?"),
                Message("With pre-LN"),
                {"model.placement": "pre", "model.norm": "layer"},
            )
        elif model.placement != "pre":
            yield (
                Message(
                    "Its norm's placement is {placement}. Does the same network learn with the"
                    " norm before each sublayer (pre)?",
                    placement=model.placement,
                ),
                Message("Placement pre"),
                {"model.placement": "pre"},
            )
    if not config.optimizer.warmup_steps and steps >= 20:
        warm = min(200, steps // 2)
        yield (
            Message(
                "Its learning rate is {rate:g} from the first step on. Does it learn if the rate"
                " rises through {warm} steps?",
                rate=config.optimizer.learning_rate,
                warm=warm,
            ),
            Message("Warm-up {warm}", warm=warm),
            {"optimizer.warmup_steps": warm},
        )
    elif config.optimizer.warmup_steps:
        half = config.optimizer.learning_rate / 2
        yield (
            Message(
                "Its learning rate rose to {rate:g} by its warm-up. Does it learn at half of that?",
                rate=config.optimizer.learning_rate,
            ),
            Message("Learning rate {rate:g}", rate=half),
            {"optimizer.learning_rate": half},
        )
    if model.init != "gpt2":
        yield (
            Message(
                "Its weights begin as {init} draws them. Does it learn from smaller ones,"
                " N(0, 0.02)?",
                init=model.init,
            ),
            Message("Initialisation gpt2"),
            {"model.init": "gpt2"},
        )
    yield from _longer(config, Message("Does it learn in twice as many steps?"))


def _diverged(config: RunConfig, measured: Measured) -> Iterator[Question]:
    rate = config.optimizer.learning_rate
    lower = float(f"{rate / 3:.1g}")
    yield (
        Message(
            "It diverged at a learning rate of {rate:g}. Does it hold at {lower:g}?",
            rate=rate,
            lower=lower,
        ),
        Message("Learning rate {rate:g}", rate=lower),
        {"optimizer.learning_rate": lower},
    )
    if config.model.norm == "none" and not measured.rewired:
        yield (
            Message("It has no norm. Does one before each sublayer hold it?"),
            Message("With pre-LN"),
            {"model.placement": "pre", "model.norm": "layer"},
        )
    if not config.optimizer.clip:
        yield (
            Message("Its gradient is not clipped. Does clipping it to norm 1 hold it?"),
            Message("Clipping 1"),
            {"optimizer.clip": 1.0},
        )


def _memorised(config: RunConfig) -> Iterator[Question]:
    if not config.model.dropout:
        yield (
            Message("It has no dropout. Does a dropout of 0.2 lower its validation loss?"),
            Message("Dropout 0.2"),
            {"model.dropout": 0.2},
        )
    if not config.optimizer.weight_decay:
        yield (
            Message("It has no weight decay. Does one of 0.1 lower its validation loss?"),
            Message("Weight decay 0.1"),
            {"optimizer.weight_decay": 0.1},
        )
    for dotted, size in (
        ("model.depth", config.model.depth),
        ("model.blocks_per_stage", config.model.blocks_per_stage),
    ):
        if size > 1 and not applies(dotted, config.flat()):
            less = size // 2
            yield (
                Message(
                    "Does a smaller network memorise less, with {less} in place of {size}"
                    " ({title})?",
                    less=less,
                    size=size,
                    title=title_in_sentence(dotted),
                ),
                Message("{title} {value}", title=Message(title_of(dotted)), value=less),
                {dotted: less},
            )


def _learned(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Question]:
    model = config.model
    little = LITTLE * scale(verdict.entropy or 0.0, measured.floor)
    if verdict.gap is not None and -verdict.gap < little:
        yield from _longer(
            config, Message("It has learned only a little. What of twice as many steps?")
        )
    if not measured.rewired and not model.overrides:
        if model.residual != "off":
            yield (
                Message("Does it need its residual connections? A twin without them tells."),
                Message("Residual off"),
                {"model.residual": "off"},
            )
        if model.norm != "none" and model.placement == "pre":
            yield (
                Message(
                    "Does it matter where the norm is? A twin with the norm after each addition"
                    " (post) tells."
                ),
                Message("Placement post"),
                {"model.placement": "post"},
            )
    for dotted, size, most in (
        ("model.depth", model.depth, 128),
        ("model.blocks_per_stage", model.blocks_per_stage, 16),
    ):
        if 2 * size <= most and not applies(dotted, config.flat()):
            yield (
                Message(
                    "Does it still learn at twice the depth, {more} in place of {size} ({title})?",
                    more=2 * size,
                    size=size,
                    title=title_in_sentence(dotted),
                ),
                Message("{title} {value}", title=Message(title_of(dotted)), value=2 * size),
                {dotted: 2 * size},
            )


def _early(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Question]:
    if not verdict.entropy or verdict.entropy < 1e-6:
        return  # more of the same could not be judged either
    if measured.state in RESUMABLE and measured.step < config.training.steps:
        return  # to go on is nearer; see `_resume`
    if verdict.gap is None:
        steps = max(2 * config.training.steps, 2 * WINDOW)
        yield (
            Message(
                "A verdict needs {many} training losses. Train it for {steps:,} steps?",
                many=WINDOW,
                steps=steps,
            ),
            Message("{steps:,} steps", steps=steps),
            {"training.steps": steps},
        )
        return
    if verdict.error is not None and abs(verdict.gap) < SIGMAS * verdict.error:
        batch = 4 * config.training.batch_size
        yield (
            Message(
                "Its batches of {size} scatter: the gap to {frequencies} is known to ± {error}"
                " only. What of batches of {batch}?",
                size=config.training.batch_size,
                frequencies=measured.words.frequencies,
                error=nats(verdict.error),
                batch=batch,
            ),
            Message("Batch size {size}", size=batch),
            {"training.batch_size": batch},
        )
    yield from _longer(config, Message("It is too early to judge. What of twice as many steps?"))


def _longer(config: RunConfig, sentence: str) -> Iterator[Question]:
    steps = 2 * config.training.steps
    yield sentence, Message("{steps:,} steps", steps=steps), {"training.steps": steps}
