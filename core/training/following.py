"""The other ranks of a run that several processes train: each does what rank 0 says, until it ends.

A follower reads the run's settings and its corpus, and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.config import ModelConfig, RunConfig
from core.data.run_tokenizers import tokenizer_in
from core.data.subwords import Subwords
from core.language import Message
from core.models.initialise import left_empty
from core.runs import Run, RunError
from core.training import checkpoints
from core.training.devices import set_products
from core.training.hooks.evaluate import evaluating
from core.training.leading import gradient_norms, own_device
from core.training.objectives import Task, task_of
from core.training.optimizers import build_optimizer
from core.training.ranks import Order, Ranks, Verb
from core.training.sharding import Placed, ShardedRatios, Shards, backward, no_more, place
from core.training.sharding import random_states as own_states


class Follower:
    """A rank that does what rank 0 says."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._config: RunConfig | None = None
        self._task: Task
        self._device: torch.device
        self._placed: Placed
        self._ratios: ShardedRatios | None = None
        self._threads = 0
        self._does = {
            Verb.SPREAD: self._spread,
            Verb.BACKWARD: self._backward,
            Verb.UPDATE: self._update,
            Verb.REMEMBER: self._remember,
            Verb.MEASURE: self._measure,
            Verb.FORWARD: self._forward,
            Verb.GATHER: self._gather,
            Verb.NOTHING: self._wait,
        }

    def follow(self) -> None:
        """Until the run ends. Raises what went wrong here."""
        torch.set_flush_denormal(True)  # as rank 0 does
        while (order := self._ranks.hear()).verb is not Verb.END:
            self._does[order.verb](order)

    def _spread(self, order: Order) -> None:
        told: dict[str, Any] = json.loads(order.body)
        if self._config is None:
            self._know(told)
        assert self._config is not None
        with left_empty():
            model = self._task.build(ModelConfig.model_validate(told["wiring"]))
        optimizer = self._config.optimizer
        self._placed = place(
            model,
            {name: dict.fromkeys(keys) for name, keys in told["moments"].items()},
            lambda model: build_optimizer(model, optimizer),
            self._ranks,
            self._device,
            told["how"],
        )
        self._norms = gradient_norms(self._config, self._placed)
        pieces = self._placed.pieces
        self._ratios = ShardedRatios(model, pieces) if isinstance(pieces, Shards) else None
        if "random" in told:
            self._draw_on(told["random"], told["step"])

    def _know(self, told: dict[str, Any]) -> None:
        run = Run(Path(told["run"]))
        if not (run.path / "config.json").exists():
            raise RunError(
                Message(
                    "{folder} can't be seen from every machine: put the runs on storage that all of"
                    " them share, and name it with ADDNORM_RUNS",
                    folder=run.path,
                )
            )
        self._config = run.config
        own = tokenizer_in(run.path, run.tokenizer)
        self._task = task_of(self._config, own=own if isinstance(own, Subwords) else None)
        if self._task.corpus.sha256 != told["corpus"]:
            raise RunError(
                Message(
                    "{corpus} is another text on this machine than on the first one; bring the same"
                    " data to all of them",
                    corpus=self._task.corpus.name,
                )
            )
        self._device = own_device(self._config, self._ranks)
        self._task.to(self._device)
        set_products(self._config.training.precision, self._device)

    def _draw_on(self, known: dict[str, list[int]], step: int) -> None:
        """Dropout goes on where the checkpoint has this rank, else with masks of its own."""
        rank, config = self._ranks.rank, self._config
        assert config is not None
        seed = hashlib.sha256(f"{config.training.seed}:{step}:rank {rank}".encode()).digest()
        torch.manual_seed(int.from_bytes(seed[:8], "big") >> 1)  # on the GPU too
        if f"random.cpu.{rank}" in known:
            torch.set_rng_state(torch.tensor(known[f"random.cpu.{rank}"], dtype=torch.uint8))
        if f"random.cuda.{rank}" in known and self._device.type == "cuda":
            state = torch.tensor(known[f"random.cuda.{rank}"], dtype=torch.uint8)
            torch.cuda.set_rng_state(state, self._device)

    def _backward(self, order: Order) -> None:
        assert self._config is not None
        step, threads = map(int, order.numbers)
        if threads != self._threads:
            torch.set_num_threads(threads)
            self._threads = threads
        training = self._config.training
        batch = self._task.batch(step)
        backward(self._placed, self._task, batch, self._ranks, training, self._device)
        if self._norms is not None and self._placed.how == "fsdp":
            self._norms.measure()  # for the sum over all ranks

    def _update(self, order: Order) -> None:
        rate, clipped = order.numbers
        optimizer = self._placed.optimizer
        for group in optimizer.param_groups:
            group["lr"] = rate
        if clipped:
            scale = torch.ones((), device=self._device)
            optimizer.grad_scale = self._ranks.from_first(scale)  # type: ignore[attr-defined]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _wait(self, order: Order) -> None:
        """Rank 0 is paused."""

    def _remember(self, order: Order) -> None:
        assert self._ratios is not None
        self._ratios.before()

    def _measure(self, order: Order) -> None:
        assert self._ratios is not None
        self._ratios.measure()

    def _forward(self, order: Order) -> None:
        assert self._config is not None
        head, _, values = order.body.partition(b"\n")
        about = json.loads(head)
        found = np.frombuffer(bytearray(values), dtype=about["type"]).reshape(about["shape"])
        inputs: Tensor = torch.from_numpy(found).to(self._device)
        model = self._placed.model
        with evaluating(model, self._config.training.precision, self._device):
            model(inputs)

    def _gather(self, order: Order) -> None:
        checkpoints.tensors_of(self._placed.model, self._placed.optimizer, no_more)
        for _, own in own_states(self._device):
            self._ranks.each(own)
