"""Which twins are worth a try after a run, as questions that they answer; best first.

Pure. Whether a twin can be built, or was trained already, is decided in `advice.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.config import RunConfig, applies, settings
from core.config.words import title_in_sentence
from core.runs.status import RESUMABLE
from core.verdicts.judgement import LITTLE, SIGMAS, WINDOW, scale
from core.verdicts.labels import DEAD_KINDS, nats
from core.verdicts.measured import Measured
from core.verdicts.verdict import Verdict

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
            what = "It has no residual connections. Does it learn with them?"
            if model.residual != "off":
                what = (
                    f"Only its {model.residual} has residual connections. Does it learn with all?"
                )
            yield what, "Residual on", {"model.residual": "on"}
        if model.norm == "none":
            yield (
                "It has no norm. Does it learn with one before each sublayer?",
                "With pre-LN",
                {"model.placement": "pre", "model.norm": "layer"},
            )
        elif model.placement != "pre":
            yield (
                f"Its norm's placement is {model.placement}. Does the same network learn with the"
                " norm before each sublayer (pre)?",
                "Placement pre",
                {"model.placement": "pre"},
            )
    if not config.optimizer.warmup_steps and steps >= 20:
        warm = min(200, steps // 2)
        yield (
            f"Its learning rate is {config.optimizer.learning_rate:g} from the first step on. Does"
            f" it learn if the rate rises through {warm} steps?",
            f"Warm-up {warm}",
            {"optimizer.warmup_steps": warm},
        )
    elif config.optimizer.warmup_steps:
        half = config.optimizer.learning_rate / 2
        yield (
            f"Its learning rate rose to {config.optimizer.learning_rate:g} by its warm-up."
            " Does it learn at half of that?",
            f"Learning rate {half:g}",
            {"optimizer.learning_rate": half},
        )
    if model.init != "gpt2":
        yield (
            f"Its weights begin as {model.init} draws them. Does it learn from smaller ones,"
            " N(0, 0.02)?",
            "Initialisation gpt2",
            {"model.init": "gpt2"},
        )
    yield from _longer(config, "Does it learn in twice as many steps?")


def _diverged(config: RunConfig, measured: Measured) -> Iterator[Question]:
    rate = config.optimizer.learning_rate
    lower = float(f"{rate / 3:.1g}")
    yield (
        f"It diverged at a learning rate of {rate:g}. Does it hold at {lower:g}?",
        f"Learning rate {lower:g}",
        {"optimizer.learning_rate": lower},
    )
    if config.model.norm == "none" and not measured.rewired:
        yield (
            "It has no norm. Does one before each sublayer hold it?",
            "With pre-LN",
            {"model.placement": "pre", "model.norm": "layer"},
        )
    if not config.optimizer.clip:
        yield (
            "Its gradient is not clipped. Does clipping it to norm 1 hold it?",
            "Clipping 1",
            {"optimizer.clip": 1.0},
        )


def _memorised(config: RunConfig) -> Iterator[Question]:
    if not config.model.dropout:
        yield (
            "It has no dropout. Does a dropout of 0.2 lower its validation loss?",
            "Dropout 0.2",
            {"model.dropout": 0.2},
        )
    if not config.optimizer.weight_decay:
        yield (
            "It has no weight decay. Does one of 0.1 lower its validation loss?",
            "Weight decay 0.1",
            {"optimizer.weight_decay": 0.1},
        )
    for dotted, size in (
        ("model.depth", config.model.depth),
        ("model.blocks_per_stage", config.model.blocks_per_stage),
    ):
        if size > 1 and not applies(dotted, config.flat()):
            less = size // 2
            yield (
                f"Does a smaller network memorise less, with {less} in place of {size}"
                f" ({title_in_sentence(dotted)})?",
                f"{settings()[dotted].title} {less}",
                {dotted: less},
            )


def _learned(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Question]:
    model = config.model
    little = LITTLE * scale(verdict.entropy or 0.0, measured.floor)
    if verdict.gap is not None and -verdict.gap < little:
        yield from _longer(config, "It has learned only a little. What of twice as many steps?")
    if not measured.rewired and not model.overrides:
        if model.residual != "off":
            yield (
                "Does it need its residual connections? A twin without them tells.",
                "Residual off",
                {"model.residual": "off"},
            )
        if model.norm != "none" and model.placement == "pre":
            yield (
                "Does it matter where the norm is? A twin with the norm after each addition"
                " (post) tells.",
                "Placement post",
                {"model.placement": "post"},
            )
    for dotted, size, most in (
        ("model.depth", model.depth, 128),
        ("model.blocks_per_stage", model.blocks_per_stage, 16),
    ):
        if 2 * size <= most and not applies(dotted, config.flat()):
            title = settings()[dotted].title
            yield (
                f"Does it still learn at twice the depth, {2 * size} in place of {size}"
                f" ({title_in_sentence(dotted)})?",
                f"{title} {2 * size}",
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
            f"A verdict needs {WINDOW} training losses. Train it for {steps:,} steps?",
            f"{steps:,} steps",
            {"training.steps": steps},
        )
        return
    if verdict.error is not None and abs(verdict.gap) < SIGMAS * verdict.error:
        batch = 4 * config.training.batch_size
        yield (
            f"Its batches of {config.training.batch_size} scatter: the gap to"
            f" {measured.words.frequencies} is known to ± {nats(verdict.error)} only. What of"
            f" batches of {batch}?",
            f"Batch size {batch}",
            {"training.batch_size": batch},
        )
    yield from _longer(config, "It is too early to judge. What of twice as many steps?")


def _longer(config: RunConfig, sentence: str) -> Iterator[Question]:
    steps = 2 * config.training.steps
    yield sentence, f"{steps:,} steps", {"training.steps": steps}
