"""What to look at and what to try after a run: from its verdict, settings and measurements.

Each sentence states numbers of this run or asks a question that a twin answers; none promises an
outcome. Pure: what is measured is read by :func:`measure`, everything else decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from core.config import RunConfig, applies, resolve, settings
from core.config.alike import SCHEDULE, are_twins, differing, experiment_key
from core.config.fork_point import ForkPoint
from core.config.rough import rough_times
from core.config.units import Unit, unit
from core.config.words import format_value
from core.runs.run import Run
from core.runs.status import ENDED, RESUMABLE, State, goes_on
from core.verdicts.judgement import LITTLE, SIGMAS, WINDOW, scale
from core.verdicts.labels import DEAD_KINDS
from core.verdicts.verdict import Verdict
from core.verdicts.why import APART, why

MOST = 3  # suggestions; more would be read by nobody
GRADIENT = "grad_norm/block"

Action = Literal["twin", "beside", "resume", "attention", "compare", "none"]


@dataclass(frozen=True)
class Suggestion:
    """One sentence and the button that does it.

    `changes` are the settings of a twin by dotted name, with what they bring along; `run` is the
    id of the run that has them already, which is shown beside this one.
    """

    sentence: str
    label: str = ""
    action: Action = "none"
    changes: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""


@dataclass(frozen=True)
class Measured:
    """What advice asks of a run that has ended.

    `gradients` are the gradient norms of the layers, first to last, at step `at`, the last one at
    which all are finite; empty where there are none. `rewired` while it trained, `floor` the lowest
    loss possible in nats, `resumes_at` the step of the checkpoint that resuming goes on from, None
    where there is none. `fork` is where it started, None of one that started at step 0.
    """

    state: State
    step: int
    words: Unit
    gradients: tuple[float, ...] = ()
    at: int = 0
    rewired: bool = False
    floor: float | None = None
    resumes_at: int | None = None
    fork: ForkPoint | None = None


def measure(run: Run) -> Measured:
    """Read it from a run."""
    record, floor = run.record, run.corpus.get("floor")
    gradients: tuple[float, ...] = ()
    at = 0
    try:
        steps, values = run.series(GRADIENT)
    except KeyError:
        pass
    else:
        layers = np.asarray(values, dtype=np.float64).reshape(len(steps), -1)
        whole = np.flatnonzero(np.isfinite(layers).all(axis=1))
        if len(whole):
            at, gradients = int(steps[whole[-1]]), tuple(layers[whole[-1]].tolist())
    return Measured(
        record.state,
        record.step,
        unit(run.corpus.get("unit")),
        gradients,
        at,
        bool(run.switches),
        float(floor) if isinstance(floor, int | float) else None,
        run.resumes_at if record.state in RESUMABLE else None,
        run.fork,
    )


def next_steps(
    verdict: Verdict,
    config: RunConfig,
    measured: Measured,
    twin: tuple[Verdict | None, RunConfig] | None = None,
    *,
    twin_state: str = "",
    same_start: bool = True,
    trained: Mapping[str, str] | None = None,
) -> list[Suggestion]:
    """At most three suggestions for a run that has ended and why it came so; none before that.

    `twin` is the run that is shown beside it, its verdict None while it trains: a judged pair is
    compared first, and what the twin tries is not suggested again. One that trains (`twin_state`
    in words) is waited for, as a new run would take its place. Of two that did not start at one
    checkpoint (`same_start`) nothing is concluded. A fork's twins are forks too. `trained` are the
    ids of the runs that exist, by `alike.experiment_key`: they are shown instead of trained again.
    """
    if measured.state not in ENDED:
        return []
    head: list[Suggestion] = []
    if (
        same_start
        and twin
        and twin[0]
        and (pair := _pair(verdict, config, twin[0], twin[1], measured.words))
    ):
        head.append(pair)
    head += _resume(config, measured)
    if waits := twin is not None and twin[0] is None:
        head.append(_wait(config, twin[1], twin_state, same_start))
    head += _look(verdict, config, measured)
    reasons = _why(verdict, config, measured, twin)
    if waits:
        return [*head, *reasons]
    found = head[:]
    tried = [config.flat()] + ([twin[1].flat()] if twin else [])
    for sentence, label, changes in _questions(verdict, config, measured):
        whole = possible(config, changes)
        flat = {**config.flat(), **(whole or {})}
        if whole is None or flat in tried or _in_vain(flat, changes, measured.fork):
            continue
        if known := (trained or {}).get(experiment_key(flat, flat[SCHEDULE], measured.fork)):
            text = f"{sentence} You have trained this: compare them."
            found.append(Suggestion(text, "Show both", "beside", whole, known))
        else:
            found.append(Suggestion(sentence, label, "twin", whole))
    found = found[:MOST]
    return [*found[: len(head)], *reasons, *found[len(head) :]]


def _in_vain(flat: Mapping[str, Any], changes: Mapping[str, Any], fork: ForkPoint | None) -> bool:
    """Whether a fork can't have these changes, or they would be over before it starts."""
    if fork is None:
        return False
    early = "model.init" in changes or 0 < changes.get("optimizer.warmup_steps", 0) <= fork.step
    return early or bool(fork.refusal(RunConfig.from_flat(dict(flat))))


def _why(
    verdict: Verdict,
    config: RunConfig,
    measured: Measured,
    twin: tuple[Verdict | None, RunConfig] | None,
) -> list[Suggestion]:
    """The mechanism behind a dead run, and behind a pair of which one lives; it is that of weights
    as they are drawn, so not of a fork.
    """
    if measured.fork is not None:
        return []
    told = [] if measured.rewired else [why(verdict.kind, config, measured.gradients)]
    if twin and twin[0] and {verdict.kind, twin[0].kind} & set(DEAD_KINDS):
        told.append(why(twin[0].kind, twin[1], paired=True))
        if verdict.kind == "learned" and not measured.rewired:
            told[0] = why(verdict.kind, config, paired=True)
    said = " ".join(dict.fromkeys(sentence for sentence in told if sentence))
    return [Suggestion(f"Why: {said}")] if said else []


def _wait(config: RunConfig, other: RunConfig, state: str, same_start: bool) -> Suggestion:
    """A run beside it that has not ended."""
    twins = same_start and are_twins(config.flat(), other.flat())
    what = "Its twin" if twins else "The run beside it"
    stands = f" ({state})" if state else ""
    return Suggestion(f"{what} has not ended{stands}: wait for it, then the two can be compared.")


def possible(config: RunConfig, changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The changes with the settings that they bring along, or None where that can't be built."""
    flat = {**config.flat(), **changes}
    whole = dict(changes)
    for dotted in changes:
        brought = {k: v for k, v in resolve({**flat, **whole}, dotted).items() if k not in changes}
        whole |= brought
    if any(applies(dotted, flat) for dotted in changes):
        return None
    try:
        RunConfig.from_flat({**flat, **whole})
    except ValidationError:
        return None
    return whole


def _pair(
    verdict: Verdict, config: RunConfig, other: Verdict, others: RunConfig, words: Unit
) -> Suggestion | None:
    """What sets two runs apart and what became of both, where both are judged."""
    apart = differing([config.flat(), others.flat()])
    fates = [_fate(one, words) for one in (verdict, other)]
    if not apart or not all(fates):
        return None
    if len(apart) > 1:
        told = f"The two differ in {len(apart)} settings: the first {fates[0]}, the second"
        end = _conclusion((verdict, other), ("The first", "the second"))
        return Suggestion(f"{told} {fates[1]}. {end}", "Compare them", "compare")
    [(name, values)] = apart.items()
    first, second = (f"with {format_value(value, grouped=True)} it" for value in values)
    told = f"The two differ only in {_title(name)}: {first} {fates[0]}, {second} {fates[1]}."
    end = _conclusion((verdict, other), (_capital(first), second), _title(name))
    return Suggestion(f"{told} {end}", "Compare them", "compare")


def _conclusion(pair: tuple[Verdict, Verdict], who: tuple[str, str], title: str = "") -> str:
    """What the pair shows, in words; `title` is the one setting in which they differ, if it is one.

    Both are judged: they have learned, are dead or diverged.
    """
    kinds = [one.kind for one in pair]
    what = f"{_capital(title)} alone" if title else ""
    if kinds == ["learned", "learned"]:
        alone = ": this setting alone does not decide whether it learns" if title else ""
        return f"Both use their input{alone}."
    if kinds == ["diverged", "diverged"]:
        return f"{what} did not save it: both diverged." if title else "Both diverged."
    if kinds == ["plateau", "plateau"]:
        both = "both sit on the plateau"
        return f"{what} did not save it: {both}." if title else f"{_capital(both)}."
    if "learned" not in kinds:
        return f"{what} did not save it: neither learns." if title else "Neither learns."
    said = {"learned": "uses its input", "diverged": "diverges"}
    each = [
        f"{name} {said.get(kind, 'ignores its input')}"
        for name, kind in zip(who, kinds, strict=True)
    ]
    return f"{each[0]}, {each[1]}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title(dotted: str) -> str:
    """A setting's title within a sentence; what begins with a Greek letter or QK stays."""
    title = str(settings()[dotted].title)
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _fate(verdict: Verdict, words: Unit) -> str:
    if verdict.kind == "diverged":
        return "diverged"
    if verdict.gap is None or verdict.kind not in ("learned", *DEAD_KINDS):
        return ""
    side = "below" if verdict.gap < 0 else "above"
    return f"ends {_nats(verdict.gap)} nats {side} {words.frequencies}"


def _look(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Suggestion]:
    """What its own measurements show."""
    if verdict.kind in DEAD_KINDS or verdict.kind == "diverged":
        if sentence := _gradients(measured):
            yield Suggestion(sentence)
    elif verdict.kind == "learned" and verdict.gap is not None:
        fell = f"Its loss ends {_nats(verdict.gap)} nats below {measured.words.frequencies}"
        if "attention" in config.model.parts and config.probes.attention and config.probes.every:
            yield Suggestion(
                f"{fell}: it uses its input. Which tokens its heads look at is on Attention.",
                "See its heads",
                "attention",
            )
        else:
            yield Suggestion(f"{fell}: it uses its input.")


def _gradients(measured: Measured) -> str:
    """How the gradient of the first layer lies to that of the last."""
    if len(measured.gradients) < 2:
        return ""
    first, last = measured.gradients[0], measured.gradients[-1]
    at, depth = f"At step {measured.at:,} the gradient norm of layer 1", len(measured.gradients)
    shown = "The map of the gradient norm shows every layer and step."
    if APART * min(first, last) >= max(first, last):
        return f"{at} ({first:.1e}) is about that of layer {depth} ({last:.1e}). {shown}"
    if not min(first, last):
        return f"{at} is {first:.1e}, that of layer {depth} is {last:.1e}. {shown}"
    ratio = max(first, last) / min(first, last)
    if not np.isfinite(ratio):
        return f"{at} is {first:.1e}, that of layer {depth} is {last:.1e}. {shown}"
    size = "smaller" if first < last else "larger"
    other = f"that of layer {depth} ({last:.1e})"
    return f"{at} ({first:.1e}) is {rough_times(ratio)} {size} than {other}. {shown}"


Question = tuple[str, str, dict[str, Any]]


def _questions(verdict: Verdict, config: RunConfig, measured: Measured) -> Iterator[Question]:
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
                f" ({_title(dotted)})?",
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
                f" ({_title(dotted)})?",
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
            f" {measured.words.frequencies} is known to ± {_nats(verdict.error)} only. What of"
            f" batches of {batch}?",
            f"Batch size {batch}",
            {"training.batch_size": batch},
        )
    yield from _longer(config, "It is too early to judge. What of twice as many steps?")


def _longer(config: RunConfig, sentence: str) -> Iterator[Question]:
    steps = 2 * config.training.steps
    yield sentence, f"{steps:,} steps", {"training.steps": steps}


def _resume(config: RunConfig, measured: Measured) -> Iterator[Suggestion]:
    """To go on with a run that ended before its last step."""
    if measured.state in RESUMABLE and measured.step < config.training.steps:
        yield Suggestion(
            f"It ended at step {measured.step:,} of {config.training.steps:,}. Resumed, it"
            f" {goes_on(measured.resumes_at, measured.step)}.",
            "Resume it",
            "resume",
        )


def _nats(size: float) -> str:
    """A size in nats with two figures or more."""
    size = abs(size)
    return f"{size:.2f}" if size >= 0.1 else f"{size:.2g}"
