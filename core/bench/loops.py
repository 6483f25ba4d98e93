"""The loops that are compared: the engine as it trains a run, and one written by hand.

Each is a function of a number of steps that answers how many seconds they took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch.nn import functional as F

from core.config import RunConfig
from core.data.texts import Text
from core.models import build_model
from core.runs import RunStore
from core.training.control import NullControl
from core.training.optimizers import learning_rate
from core.training.trainer import Trainer

Loop = Callable[[int], float]
SLICE = 20  # steps between turns: one interval of the default probes


def trainer(store: RunStore, config: RunConfig, threads: int) -> Trainer:
    """The engine, before its first step of a new run."""
    return Trainer(store.create(config), NullControl(threads))


def engine(trained: Trainer) -> Loop:
    """The engine's own steps, with all that goes on around them in a run."""

    def loop(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            trained.begin_step()
            trained.advance()  # which flushes as often as it does in a run
        if trained.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return loop


def plain(config: RunConfig, text: Text, device: torch.device, compiled: bool = False) -> Loop:
    """The loop of a tutorial: random windows, forward, backward, clip, torch's own AdamW.

    On a GPU it takes bf16 and the fused AdamW too, as nanoGPT does. `compiled`: its network through
    `torch.compile`.
    """
    cuda = device.type == "cuda"
    data, size = text.training, config.model.context
    torch.manual_seed(config.training.seed)
    model = build_model(config.model, text.vocabulary).to(device)
    forward = torch.compile(model) if compiled else model
    decay, rest = [[p for p in model.parameters() if (p.ndim >= 2) == wide] for wide in (1, 0)]
    settings = config.optimizer
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": settings.weight_decay}]
        + ([{"params": rest, "weight_decay": 0.0}] if rest else []),
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        fused=cuda or None,
    )
    state = {"step": 0}

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(len(data) - size, (config.training.batch_size,))
        x = torch.stack([torch.from_numpy(data[i : i + size].astype(np.int64)) for i in starts])
        y = torch.stack(
            [torch.from_numpy(data[i + 1 : i + 1 + size].astype(np.int64)) for i in starts]
        )
        return x.to(device), y.to(device)

    def loop(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(settings, state["step"], config.training.steps)
            x, y = batch()
            with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
                logits = forward(x)
                loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))
            loss.backward()
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if state["step"] % 10 == 0:
                loss.item()
            state["step"] += 1
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return loop


def take_turns(loops: Mapping[str, Loop], rounds: int, chunk: int) -> dict[str, list[float]]:
    """Each loop's seconds for each round of `chunk` steps.

    Within a round the loops alternate every few steps, so that a machine that is busy for a second
    is busy for all of them.
    """
    seconds = {name: [0.0] * rounds for name in loops}
    for turn in range(rounds):
        for slot, start in enumerate(range(0, chunk, SLICE)):
            order = list(loops) if (turn + slot) % 2 == 0 else list(loops)[::-1]
            for name in order:
                seconds[name][turn] += loops[name](min(SLICE, chunk - start))
    return seconds
