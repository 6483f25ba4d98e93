"""What bounds a step: its matrix products alone, and what each instrument adds to it."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.probes import of_trace, skip_paths, snapshot_patterns
from core.probes.gradients import GradientNorms, UpdateRatios
from core.probes.instruments import INSTRUMENTS
from core.training.devices import precision
from core.training.hooks.evaluate import evaluating
from core.training.hooks.instruments import gradient_noise, hessian, still
from core.training.trainer import Trainer

TRIES = 7


class Instrument(NamedTuple):
    """What is measured while training: seconds of one measurement, and steps between two."""

    seconds: float
    every: int


def matrix_products(trained: Trainer) -> float:
    """Seconds of a step's matrix products and nothing else, forward and backward.

    Those of the linear layers and of the attention, in the precision of the run, each timed alone
    in this process: no step that computes them all can be faster with the same library.
    """
    model, device = trained.state.model, trained.device
    wish = trained.config.training.precision
    shapes = _shapes(trained)
    total = 0.0
    with torch.no_grad(), precision(wish, device):
        for (batch, m, k, n), times in shapes.items():
            lead = (batch,) if batch else ()
            x, y = (torch.randn(*lead, m, size, device=device) for size in (k, n))
            w = torch.randn(*lead, n, k, device=device)
            products = (
                partial(torch.matmul, x, w.mT),
                partial(torch.matmul, y, w),
                partial(torch.matmul, y.mT, x),
            )
            total += times * sum(seconds_of(product, device) for product in products)
    model.train()
    return total * trained.config.training.accumulate


def _shapes(trained: Trainer) -> Counter[tuple[int, int, int, int]]:
    """(batch, M, K, N) of each product of a part of a batch, and how often it occurs."""
    found: Counter[tuple[int, int, int, int]] = Counter()

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        rows = output.numel() // output.shape[-1]
        found[0, rows, inputs[0].shape[-1], output.shape[-1]] += 1

    model, config = trained.state.model, trained.config
    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Linear)]
    part = next(trained.task.batch(trained.state.step).parts(config.training.accumulate))
    try:
        with evaluating(model, config.training.precision, trained.device):
            model(part.inputs.to(trained.device))
    finally:
        for hook in hooks:
            hook.remove()
    if config.model.family == "transformer" and "attention" in config.model.parts:
        length, head = part.inputs.shape[1], config.model.width // config.model.heads
        groups = len(part.inputs) * config.model.heads
        found[groups, length, head, length] += config.model.depth  # scores
        found[groups, length, length, head] += config.model.depth  # their mixing of values
    return found


def instruments(trained: Trainer) -> dict[str, Instrument]:
    """What each instrument costs, measured on the network as it stands."""
    config, state, device = trained.config, trained.state, trained.device
    every = config.probes.every
    if every == 0:
        return {}
    model, found = state.model, dict[str, Instrument]()
    batch = trained.task.batch(state.step)
    with precision(config.training.precision, device):
        trained.task.loss(model(batch.inputs.to(device)), batch.targets.to(device)).backward()
    norms, ratios = GradientNorms(model), UpdateRatios(model)

    def traced() -> dict[str, Tensor]:
        found: dict[str, Tensor] = model.trace(trained.task.probe)  # type: ignore[operator]
        return found

    found["gradient norms"] = Instrument(seconds_of(norms.measure, device), 1)
    with evaluating(model, config.training.precision, device):
        with skip_paths.watched(model) as paths:
            trace = traced()
        found["trace"] = Instrument(seconds_of(traced, device), every)
    sizes = partial(skip_paths.sizes, paths)
    found["skip_paths: sizes"] = Instrument(seconds_of(sizes, device), every)
    for probe in of_trace.PROBES:
        name = f"{probe.__module__.rpartition('.')[2]}: {probe.__name__}"
        found[name] = Instrument(seconds_of(partial(probe, trace), device), every)

    def moved() -> None:
        ratios.before()
        ratios.measure()

    found["update ratios"] = Instrument(seconds_of(moved, device), every)
    if config.probes.attention and snapshot_patterns.present(trace):
        # At log-spaced probes; counted as if at each.
        patterns = seconds_of(lambda: snapshot_patterns.patterns(trace), device)
        found["attention maps"] = Instrument(patterns, every)
    state.optimizer.zero_grad(set_to_none=True)
    told = (model, trained.task, config, device, state.step)
    with still(model):
        for name, measure in (("noise", gradient_noise), ("hessian", hessian)):
            # One that is off, at the interval that it is meant to have.
            [row] = [one for one in INSTRUMENTS if one.name == name]
            own = config.flat()[row.setting] or row.alone[row.setting]
            found[row.title] = Instrument(seconds_of(partial(measure, *told), device), own)
    return found


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of a piece of work: the median of several tries, each long enough for the clock,
    of long pieces the first."""

    def run(times: int) -> float:
        started = time.perf_counter()
        for _ in range(times):
            work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) / times

    once = run(1)
    if once > 1:  # so long that the clock and what the first call pays for do not matter
        return once
    times = max(1, min(200, round(0.005 / max(run(1), 1e-7)), round(0.5 / max(once, 1e-7))))
    return statistics.median(run(times) for _ in range(TRIES))
