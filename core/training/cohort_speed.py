"""Whether a cohort is faster than its members in turn, measured on this machine and kept.

On a GPU a small network waits for the launches of its operations, which a cohort shares. On a
processor it shares hardly anything, and several runs have a core each: see NOTES.md of the
benchmarks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from core.config import RunConfig
from core.data.downloads import cache_folder
from core.files import parse_json, read_bytes, write_json
from core.models import build_model
from core.models.batched import Batched, sorted_by_wiring
from core.probes.gradients import GradientNorms
from core.training.cohort import mean_losses
from core.training.cohort_rows import Rows, backward
from core.training.cohort_rule import shape
from core.training.devices import precision
from core.training.losses import cross_entropy
from core.training.optimizers import build_optimizer
from core.training.state import TrainingState
from core.training.timing import Pace, Stopwatch

SECONDS = 0.5  # that each of the two is measured for
PAYS = 1.1  # times faster, from which on a cohort is made


class Speed(NamedTuple):
    """Seconds for a step of all members: one after the other, and as one program."""

    in_turn: float
    together: float

    @property
    def ratio(self) -> float:
        """How many times faster they are together."""
        return self.in_turn / self.together


def compare(
    configs: Sequence[RunConfig], vocabulary: int, device: torch.device, seconds: float = SECONDS
) -> Speed:
    """Time steps of these settings on drawn tokens, in turns of about so many seconds in all.

    A step is the forward and backward pass, the norms of all gradients, and the update.
    """
    with torch.random.fork_rng(devices=[]):
        inputs, targets = (
            torch.randint(
                vocabulary, (len(configs), config.training.batch_size, config.model.context)
            ).to(device)
            for config in (configs[0], configs[0])
        )
    loops = (
        _in_turn(configs, vocabulary, inputs, targets),
        _together(configs, vocabulary, inputs, targets),
    )
    spent: tuple[list[float], list[float]] = ([], [])
    for loop in loops:  # what the first step pays for once
        _timed(loop, device)
    while sum(map(sum, spent)) < 2 * seconds or len(spent[0]) < 3:
        for loop, times in zip(loops, spent, strict=True):
            times.append(_timed(loop, device))
    medians = [sorted(times)[len(times) // 2] for times in spent]
    return Speed(medians[0], medians[1])


def pays(config: RunConfig, vocabulary: int, members: int, device: torch.device) -> bool:
    """Whether so many runs like this one are faster together; measured once, for all processes."""
    words = [shape(config), vocabulary, members, torch.__version__, torch.cuda.get_device_name()]
    key = hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]
    file = cache_folder() / "cohorts" / f"{key}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Speed(**parse_json(read_bytes(file))).ratio >= PAYS
    speed = compare([config] * members, vocabulary, device)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, speed._asdict())
    return speed.ratio >= PAYS


def _timed(loop: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    loop()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _states(
    configs: Sequence[RunConfig], vocabulary: int, device: torch.device
) -> list[TrainingState]:
    states = []
    for config in configs:
        model = build_model(config.model, vocabulary).to(device)
        optimizer = build_optimizer(model, config.optimizer)
        states.append(TrainingState(0, model, optimizer, config.model, Stopwatch(), Pace(1, 0)))
    return states


def _in_turn(
    configs: Sequence[RunConfig], vocabulary: int, inputs: torch.Tensor, targets: torch.Tensor
) -> Callable[[], None]:
    states = _states(configs, vocabulary, inputs.device)
    norms = [GradientNorms(state.model) for state in states]
    wish = configs[0].training.precision

    def step() -> None:
        for state, measured, x, y in zip(states, norms, inputs, targets, strict=True):
            with precision(wish, x.device):
                loss = cross_entropy(state.model(x), y)
            loss.backward()
            measured.measure()
            state.optimizer.step()
            state.optimizer.zero_grad(set_to_none=True)

    return step


def _together(
    configs: Sequence[RunConfig], vocabulary: int, inputs: torch.Tensor, targets: torch.Tensor
) -> Callable[[], None]:
    states = _states(configs, vocabulary, inputs.device)
    order = sorted_by_wiring([state.model for state in states])
    states = [states[at] for at in order]
    rows = Rows(states, [configs[at].optimizer for at in order])
    network = Batched([state.model for state in states], rows.stacked)  # type: ignore[misc]
    norms = [GradientNorms(state.model) for state in states]
    wish = configs[0].training.precision

    def step() -> None:
        with precision(wish, inputs.device):
            losses = mean_losses(network(inputs), targets)
        backward(losses.sum())
        for measured, optimizer in zip(norms, rows.optimizers, strict=True):
            measured.measure()
            optimizer.step()
        rows.gradients.zero_()

    return step
