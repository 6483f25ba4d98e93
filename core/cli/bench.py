"""``python -m core bench``: what watching costs, as ratios within one run.

Three loops of the same model, settings and data take turns, so that a busy moment hits all:
the engine with all probes, the engine without, and a plain loop as one would write it by hand.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.cli.options import UsageError, add_settings, config_of
from core.config import RunConfig
from core.language import Message, t
from core.runs import RunStore

if TYPE_CHECKING:
    import torch

    from core.training.trainer import Trainer

SLICE = 20  # steps between turns: one interval of the default probes
# Dense bf16 peak in FLOP/s, from the makers' data sheets.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12}


def add_parser(commands: Any) -> None:
    """``bench`` and its options."""
    parser = commands.add_parser(
        "bench", help=t("the cost of the probes, and the engine against a plain loop")
    )
    add_settings(parser)
    parser.add_argument("--pairs", type=int, default=5, help=t("interleaved rounds (default 5)"))
    parser.add_argument("--chunk", type=int, default=60, help=t("steps a round (default 60)"))
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    parser.set_defaults(run=run, preset="nanogpt-cpu")


def run(options: argparse.Namespace) -> int:
    """Measure and print. The corpus is the embedded one unless another is named."""
    import torch

    torch.set_flush_denormal(True)
    config = config_of(options, **{"data.corpus": "python-reference", "data.path": None})
    if config.model.family != "transformer":
        raise UsageError(
            Message("model.family: bench measures the language model; accepted: transformer")
        )
    config = _without_evaluation(config, options.chunk * (options.pairs + 2))
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        watched, bare = _trainer(store, config), _trainer(store, _unwatched(config))
        plain = _plain_loop(config, watched)
        loops: dict[str, Callable[[int], float]] = {
            "probes": lambda n: _advance(watched, n),
            "no_probes": lambda n: _advance(bare, n),
            "plain": plain,
        }
        for loop in loops.values():
            loop(max(4, options.chunk // 4))  # warm-up
        seconds = _take_turns(loops, options.pairs, options.chunk)
        result = _result(config, watched, seconds, options.chunk)
    print(json.dumps(result, indent=1) if options.json else _words(result))
    return 0


def _take_turns(
    loops: dict[str, Callable[[int], float]], pairs: int, chunk: int
) -> dict[str, list[float]]:
    """Each loop's seconds for each round of `chunk` steps.

    Within a round the loops alternate every few steps, so that a machine that is busy for a second
    is busy for all of them.
    """
    seconds = {name: [0.0] * pairs for name in loops}
    for turn in range(pairs):
        for slot, start in enumerate(range(0, chunk, SLICE)):
            order = list(loops) if (turn + slot) % 2 == 0 else list(loops)[::-1]
            for name in order:
                seconds[name][turn] += loops[name](min(SLICE, chunk - start))
    return seconds


def _result(
    config: RunConfig, trainer: Trainer, seconds: dict[str, list[float]], chunk: int
) -> dict[str, Any]:
    import torch

    from core.estimate import flops_per_token

    tokens = chunk * config.training.batch_size * config.model.context
    pairs = list(zip(seconds["probes"], seconds["no_probes"], seconds["plain"], strict=True))
    cuda = trainer.device.type == "cuda"
    hardware = torch.cuda.get_device_name() if cuda else platform.processor() or platform.machine()
    speed = {n: tokens / statistics.median(s) for n, s in seconds.items()}
    flops = flops_per_token(config.model, trainer.task.corpus.vocabulary) * speed["probes"]
    peak = next((p for name, p in PEAKS.items() if name in hardware), None) if cuda else None
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "hardware": hardware,
        "device": trainer.device.type,
        "threads": torch.get_num_threads(),
        "pairs": len(pairs),
        "steps_per_round": chunk,
        "probes_over_no_probes": statistics.median(p / n for p, n, _ in pairs),
        "speed_over_plain_loop": statistics.median(q / p for p, _, q in pairs),
        "tokens_per_second": speed,
        "flops_per_second": flops,
        "share_of_peak": flops / peak if peak else None,
    }


def _words(result: dict[str, Any]) -> str:
    speed = result["tokens_per_second"]
    lines = [
        t(
            "{hardware}, {device}, {threads} threads, torch {torch}, {date}",
            **{name: result[name] for name in ("hardware", "device", "threads", "torch", "date")},
        ),
        t(
            "step time, probes on / off: {ratio:.3f} x (median of {rounds} interleaved rounds of"
            " {steps} steps)",
            ratio=result["probes_over_no_probes"],
            rounds=result["pairs"],
            steps=result["steps_per_round"],
        ),
        t(
            "tokens/s, probes on / plain loop: {ratio:.3f} x",
            ratio=result["speed_over_plain_loop"],
        ),
        t(
            "tokens/s: {probes:,.0f} with probes, {bare:,.0f} without, {plain:,.0f} plain loop",
            probes=speed["probes"],
            bare=speed["no_probes"],
            plain=speed["plain"],
        ),
    ]
    flops = Message("{rate:.3f} TFLOP/s with probes", rate=result["flops_per_second"] / 1e12)
    share = result["share_of_peak"]
    if share:
        flops = Message("{flops}, {share:.1%} of peak", flops=flops, share=share)
    lines.append(t(flops))
    return "\n".join(lines)


def _without_evaluation(config: RunConfig, steps: int) -> RunConfig:
    flat = {"training.steps": max(steps, config.optimizer.warmup_steps + 1)}
    never = {"training.evaluate_every": 0, "training.checkpoint_every": 0}
    return RunConfig.from_flat({**config.flat(), **flat, **never})


def _unwatched(config: RunConfig) -> RunConfig:
    return RunConfig.from_flat({**config.flat(), "probes.every": 0})


def _trainer(store: RunStore, config: RunConfig) -> Trainer:
    from core.machine import cores
    from core.training.control import NullControl
    from core.training.trainer import Trainer

    trainer = Trainer(store.create(config), NullControl(cores()))
    return trainer


def _advance(trainer: Trainer, steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        trainer.advance()  # which flushes as often as it does in a run
    if trainer.device.type == "cuda":
        import torch

        torch.cuda.synchronize()
    return time.perf_counter() - started


def _plain_loop(config: RunConfig, trainer: Trainer) -> Callable[[int], float]:
    """The loop of a tutorial: random windows, forward, backward, clip, torch's own AdamW.

    On a GPU it takes bf16 and the fused AdamW too, as nanoGPT does.
    """
    import numpy as np
    import torch
    from torch.nn import functional as F

    from core.data.texts import Text
    from core.models import build_model
    from core.training.optimizers import learning_rate

    device = trainer.device
    cuda = device.type == "cuda"
    text = trainer.task.corpus
    assert isinstance(text, Text), "checked in run"
    data, size = text.training, config.model.context
    torch.manual_seed(config.training.seed)
    model = build_model(config.model, text.vocabulary).to(device)
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
                logits = model(x)
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
