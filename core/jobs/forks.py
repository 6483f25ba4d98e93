"""Forks: a new run goes on from a checkpoint of another with changed settings. Without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config import SYNTHETIC, DataConfig, RunConfig
from core.config.fork_point import ForkPoint
from core.data.corpora import load_text
from core.data.downloads import CorpusError
from core.data.subwords import KIND
from core.jobs import launcher
from core.language import Message, told
from core.runs import Run, RunError, RunStore
from core.runs.checkpoint_files import CheckpointError, check

# The settings that say how a text is cut into tokens.
CUT = ("tokenizer", "tokenizer_file", "encoding", "vocabulary")


def fork(
    store: RunStore,
    run: Run,
    step: int | None = None,
    changes: Mapping[str, Any] | None = None,
    name: str = "",
    paused: bool = False,
    **meta: Any,
) -> Run:
    """Queue a run that goes on from a checkpoint of another one; its settings but for `changes`.

    It starts with the weights, the optimizer's state, the random states and the place in the data
    of that step, so without changes it repeats what the other run did from there. `step` as in
    :func:`point`, `changes` by dotted name. Raises RunError with a sentence.
    """
    start = point(run, step, (changes or {}).get("training.steps"))
    config = settings(start, changes or {})
    return launcher.enqueue(store, config, name, paused, fork=start, **meta)


def point(run: Run, step: int | None = None, steps: int | None = None) -> ForkPoint:
    """A checkpoint of a run that others can start from, checked to the last byte.

    Without a `step` the newest that leaves something to train, of `steps` in all (the run's own
    where None). Raises RunError, which names the steps that there are.
    """
    run.check_ours()
    config, able, fresh = run.config, startable(run), bool(run.source)
    if not run.source.get("writes", True):
        raise RunError(
            Message(
                "{run} is an encoder without an output layer, and training here predicts the next"
                " token; fork a model that writes text",
                run=_called(run),
            )
        )
    if step is None:
        most = steps if isinstance(steps, int) else config.training.steps
        early = [one for one in able if one < most]
        if not early:
            raise RunError(_nothing(run, able, most))
        step = early[-1]
    try:
        if step not in run.checkpoints:
            raise CheckpointError(Message("there is no checkpoint of step {step:,}", step=step))
        said = check(run.path / "checkpoints", step, fresh)
    except CheckpointError as error:
        raise RunError(Message(
"{run} can't be forked at step {step:,}: {why}; {able}",
run=_called(run), step=step, why=error, able=_able(run),
)) \
            from error  # fmt: skip
    if fresh:  # it was not trained here: its own steps say nothing
        usual = {"steps": RunConfig().training.steps}
        config = config.model_copy(update={"training": config.training.model_copy(update=usual)})
    wiring = run.model_at(step)
    seconds = said.get("seconds")
    return ForkPoint(
        run=run.id,
        name=_called(run),
        step=step,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        config=config,
        wiring=wiring,
        parent=run.fork,
        fresh=fresh,
        subwords=_subwords(run),
        compiled=[False, *(on for at, on in run.compiled.items() if at <= step)][-1],
    )


def _subwords(run: Run) -> int:
    about = run.tokenizer
    return int(about.get("size") or 0) if about.get("kind") == KIND else 0


def startable(run: Run) -> list[int]:
    """The steps that others can start from, in order: those that it could go on from itself, of a
    pretrained model that of its weights."""
    return run.checkpoints if run.source else run.resumable


def settings(start: ForkPoint, changes: Mapping[str, Any]) -> RunConfig:
    """The settings of a fork; raises RunError with a sentence that names the setting."""
    try:
        config = start.settings(changes)
    except ValueError as error:
        raise RunError(told(error)) from error
    admit(start, config)
    return config


def admit(start: ForkPoint, config: RunConfig) -> None:
    """Refuse settings that can't go on from a checkpoint, as another text with other letters.

    The texts are read for it, so it is asked once somebody wants the run. Raises RunError.
    """
    if sentence := start.refusal(config):
        raise RunError(sentence)
    if config.data == start.config.data or config.image is not None:
        return
    if start.subwords:  # which cut every text
        for field in CUT:
            theirs, own = (getattr(one.data, field) for one in (start.config, config))
            if theirs != own:
                raise RunError(
                    Message(
                        "data.{field}: {own} would cut texts into other tokens; accepted in a fork"
                        " of {run}: {theirs}",
                        field=field,
                        own=own,
                        run=start.name,
                        theirs=theirs,
                    )
                )
        if config.data.corpus in SYNTHETIC:
            raise RunError(
                Message(
                    "data.corpus: {corpus} is a task of its own tokens; accepted in a fork of"
                    " {run}: a text, which it reads in the tokens that it knows",
                    corpus=config.data.corpus,
                    run=start.name,
                )
            )
        return
    try:
        if _same_tokens(start.config.data, config.data):
            return
        theirs, own = (load_text(one.data).tokenizer.alphabet for one in (start.config, config))
    except CorpusError as error:
        raise RunError(Message("data.corpus: {why}", why=error)) from error
    if theirs != own:
        raise RunError(
            Message(
                "data.corpus: {corpus} has {own} letters that are not the {theirs} of"
                " {kept}; accepted in a fork of {run}: a text with the same ones, or {kept}",
                corpus=config.data.corpus,
                own=len(own),
                theirs=len(theirs),
                kept=start.config.data.corpus,
                run=start.name,
            )
        )


def _same_tokens(theirs: DataConfig, own: DataConfig) -> bool:
    """Whether two texts are cut by one tokenizer that knows every text; none is read for it."""
    return own.tokenizer in ("bytes", "file", "tiktoken") and all(
        getattr(theirs, field) == getattr(own, field) for field in CUT[:3]
    )


def named(text: str) -> tuple[str, int | None]:
    """The run and the step of `RUN@STEP` or `RUN`. Raises RunError where STEP is not a number."""
    run, at, step = text.partition("@")
    if at and not (step.isdecimal() and len(step) < 12):
        raise RunError(
            Message(
                "fork: {step!r} is not a step; accepted: RUN or RUN@STEP, as {run}@200",
                step=step[:40],
                run=run,
            )
        )
    return run, int(step) if at else None


def _called(run: Run) -> str:
    """Its name, without where it was forked from itself: that would grow with every fork."""
    fork = run.fork
    return run.name.removesuffix(f", {fork.told}") if fork is not None else run.name


def _able(run: Run) -> str:
    """Which steps of a run can be forked."""
    whole = []
    for step in startable(run):
        try:
            check(run.path / "checkpoints", step, bool(run.source))
        except CheckpointError:
            continue
        whole.append(step)
    if not whole:
        return Message("it has no checkpoint that can be forked")
    return Message("accepted: {known}", known=", ".join(f"{step:,}" for step in whole))


def _nothing(run: Run, able: list[int], steps: int) -> str:
    if able:
        return Message(
            "training.steps: {steps:,} leaves nothing to train after the checkpoints of"
            " {run} (steps {steps_there}); accepted: more than {least:,}",
            steps=steps,
            run=_called(run),
            steps_there=", ".join(map(str, able)),
            least=able[0],
        )
    every = run.config.training.checkpoint_every
    if not every:
        return Message(
            "{run} has no checkpoint that can be forked yet; it writes one when it is paused,"
            " stopped or finished",
            run=_called(run),
        )
    return Message(
        "{run} has no checkpoint that can be forked yet; it writes one each {every:,} steps and"
        " when it is paused, stopped or finished",
        run=_called(run),
        every=every,
    )
