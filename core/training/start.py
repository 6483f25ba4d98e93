"""What a run starts from: its task, and its newest whole checkpoint or new weights."""

from __future__ import annotations

import torch

from core.data.prepared import quiet
from core.data.run_tokenizers import keep, tokenizer_in
from core.data.subwords import Subwords, TokenizerError
from core.data.vocabularies import Report
from core.files import write_json
from core.language import Message, joined, told
from core.models import profile
from core.runs import Run, RunError
from core.runs.schemas import marked
from core.training import checkpoints
from core.training.objectives import Task, task_of
from core.training.optimizers import build_optimizer
from core.training.rewire import rewired
from core.training.state import TrainingState
from core.training.timing import Pace, Stopwatch


def known_task(run: Run, device: torch.device, report: Report = quiet) -> Task:
    """What the run learns, as its directory has known it since the first start.

    `report` is told how far a corpus is that has to be prepared. Raises RunError, CorpusError, and
    what `report` raises.
    """
    try:
        own = tokenizer_in(run.path, run.tokenizer)
    except TokenizerError as error:
        raise RunError(Message("run {run}: {why}", run=run.id, why=error)) from error
    task = task_of(run.config, report, own if isinstance(own, Subwords) else None)
    corpus, known = task.corpus, run.corpus.get("sha256")
    if known not in (None, corpus.sha256):
        raise RunError(
            Message(
                "run {run} was started on {corpus} with SHA-256 {known}…, but here that"
                " corpus has {found}…; bring the same data (its hash names it in the cache)"
                " to resume",
                run=run.id,
                corpus=run.corpus.get("corpus"),
                known=str(known)[:12],
                found=corpus.sha256[:12],
            )
        )
    if task.tokenizer_of_text is not None:
        tokenizer = keep(run.path, task.tokenizer_of_text)
        write_json(run.path / "tokenizer.json", marked("tokenizer.json", tokenizer))
    write_json(run.path / "corpus.json", marked("corpus.json", task.about()))
    task.to(device)
    return task


def resumed(run: Run, task: Task, device: torch.device, damaged: list[str]) -> TrainingState:
    """The network and its optimizer as the newest whole checkpoint has them, or new ones.

    What is wrong with a newer checkpoint is added to `damaged`, a sentence each.
    """
    fork = run.fork
    for step in (*reversed(run.checkpoints), *([0] if fork is None else [])):  # falls back
        # Rebuilt for each: a layer may have been switched between two checkpoints.
        torch.manual_seed(run.config.training.seed)
        wiring = run.model_at(step)
        model = task.build(wiring).to(device)
        optimizer = build_optimizer(model, run.config.optimizer)
        try:
            progress = checkpoints.resume(run.path / "checkpoints", step, model, optimizer)
            if progress is None and fork is not None and fork.fresh and step == fork.step:
                checkpoints.load_weights(run.path / "checkpoints", step, model)
                progress = checkpoints.Progress(step, fork.seconds)
        except checkpoints.NewerCheckpointError:
            raise
        except checkpoints.CheckpointError as error:
            progress = None
            damaged.append(told(error))
            checkpoints.set_aside(run.path / "checkpoints", step)
            if not step:  # the network has what was read of it
                torch.manual_seed(run.config.training.seed)
                model = task.build(wiring).to(device)
                optimizer = build_optimizer(model, run.config.optimizer)
        if progress is not None:
            break
    else:
        if fork is not None:
            raise RunError(
                Message(
                    "none of its checkpoints can be read ({damaged}) and it starts at none of"
                    " its own; fork {run} again",
                    damaged=joined(damaged, "; "),
                    run=fork.name,
                )
            )
        profile(model, task.batch(0).inputs.to(device))
        progress = checkpoints.Progress(0, 0.0)
    if fork is not None and progress.step == fork.step:
        if run.config.training.seed != fork.config.training.seed:
            torch.manual_seed(run.config.training.seed)  # its dropout is another too
        wiring = run.wired(step)
        if wiring != fork.wiring:  # by its own settings it is another network than was forked
            model, optimizer = rewired(
                model,
                optimizer,
                lambda: task.build(wiring),
                lambda new: build_optimizer(new, run.config.optimizer),
            )
    run.snapshots.forget_from(progress.step)
    pace = Pace(run.config.training.steps, run.config.training.evaluate_every)
    stopwatch = Stopwatch(progress.seconds)
    return TrainingState(progress.step, model, optimizer, wiring, stopwatch, pace)
