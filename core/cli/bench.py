"""``python -m core bench``: how fast training is here and what watching costs, as ratios within one
run.

Loops of the same model, settings and data take turns, so that a busy moment hits all: the engine
with all probes and without, eager and compiled, a plain loop as one would write it by hand, and a
checkout of nanoGPT where one is named.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.bench.settings import changed, steps_alone
from core.cli.options import UsageError, add_settings, config_of
from core.config import RunConfig
from core.jobs.processes import worker_environment
from core.language import Message, t
from core.runs import RunStore

if TYPE_CHECKING:
    from core.bench.loops import Loop
    from core.training.trainer import Trainer

# Dense bf16 peak in FLOP/s, from the makers' data sheets.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12}
MOST_AT_ONCE = 64


def add_parser(commands: Any) -> None:
    """``bench`` and its options."""
    parser = commands.add_parser(
        "bench",
        help=t("the speed of training, the cost of the probes, and the engine against others"),
    )
    add_settings(parser)
    parser.add_argument("--pairs", type=int, default=5, help=t("interleaved rounds (default 5)"))
    parser.add_argument("--chunk", type=int, default=60, help=t("steps a round (default 60)"))
    parser.add_argument("--eager", action="store_true", help=t("leave out what is compiled first"))
    parser.add_argument(
        "--against",
        metavar="FOLDER",
        help=t("a checkout of nanoGPT, which then takes turns with the engine"),
    )
    parser.add_argument(
        "--at-once",
        metavar="N,N",
        help=t("also train so many runs at once, as 2,4, against one alone"),
    )
    parser.add_argument(
        "--first-point",
        action="store_true",
        help=t("also how soon a run that is started shows its first point"),
    )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    parser.set_defaults(run=run, preset="nanogpt-cpu")


def run(options: argparse.Namespace) -> int:
    """Measure and print. The corpus is the embedded one unless another is named."""
    if "torch" not in sys.modules:
        os.environ.update(worker_environment())  # as where runs are trained
    numbers = _numbers(options.at_once)
    config = config_of(options, **{"data.corpus": "python-reference", "data.path": None})
    if config.training.devices > 1:
        raise UsageError(Message("training.devices: bench measures one process; accepted: 1"))
    if config.model.family != "transformer":
        raise UsageError(
            Message("model.family: bench measures the language model; accepted: transformer")
        )
    for name in ("pairs", "chunk"):
        if getattr(options, name) < 1:
            raise UsageError(Message("{option}: accepted: 1 or more", option=name))
    result = _measured(options, config)
    if numbers:
        from core.bench.at_once import at_once, gains

        several = steps_alone(config, max(options.chunk * 4, 240))
        result["at_once"] = at_once(several, numbers)
        result["at_once_gain"] = gains(result["at_once"])
    if options.first_point:
        from core.bench.at_once import first_point

        result["first_point_seconds"] = first_point(steps_alone(config, 100_000))
    print(json.dumps(result, indent=1) if options.json else words(result))
    return 0


def _numbers(text: str | None) -> list[int]:
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    wrong = [w for w in words if not re.fullmatch(r"\d{1,3}", w) or not 1 < int(w) <= MOST_AT_ONCE]
    if wrong:
        raise UsageError(
            Message(
                "at-once: {text!r} is no list of numbers; accepted: numbers from 2 to {most} with"
                " commas, as 2,4",
                text=text,
                most=MOST_AT_ONCE,
            )
        )
    return [int(word) for word in words]


def _measured(options: argparse.Namespace, config: RunConfig) -> dict[str, Any]:
    import torch

    from core.bench import bounds, loops, nanogpt
    from core.data.texts import Text
    from core.machine import cores
    from core.training.compiling import missing
    from core.training.devices import choose_device

    torch.set_flush_denormal(True)
    folder = Path(options.against).expanduser() if options.against else None
    device = choose_device(config)
    if folder is not None:
        try:
            nanogpt.check(folder, config)
        except nanogpt.NoCheckoutError as error:
            raise UsageError(error.args[0]) from error
    wanted, threads = config.training.threads, cores()
    threads = threads if wanted == "auto" else wanted
    compile = not options.eager and not missing(device) and not config.training.recompute
    steps = options.chunk * (options.pairs + 2)
    eager = changed(steps_alone(config, steps), training__compile="off")
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        store = RunStore(scratch)
        watched = loops.trainer(store, eager, threads)
        bare = loops.trainer(store, changed(eager, probes__every=0), threads)
        text = watched.task.corpus
        assert isinstance(text, Text), "checked in run"
        turns: dict[str, Loop] = {
            "probes": loops.engine(watched),
            "no_probes": loops.engine(bare),
            "plain": loops.plain(eager, text, device),
        }
        if compile:
            fast = loops.trainer(store, changed(eager, training__compile="on"), threads)
            turns["compiled"] = loops.engine(fast)
            turns["plain_compiled"] = loops.plain(eager, text, device, compiled=True)
        try:
            if folder is not None:
                for name, compiled in (("nanogpt", False), ("nanogpt_compiled", True)):
                    if compile or not compiled:
                        one = nanogpt.loop(folder, eager, text, device, compiled)
                        turns[name] = stack.enter_context(one)
            for loop in turns.values():
                loop(max(4, options.chunk // 4))  # warm-up
            seconds = loops.take_turns(turns, options.pairs, options.chunk)
        except nanogpt.NoCheckoutError as error:
            raise UsageError(error.args[0]) from error
        result = _result(eager, watched, seconds, options.chunk)
        fastest = min(statistics.median(seconds[n]) for n in ("probes", "compiled") if n in seconds)
        step = fastest / options.chunk
        result["matrix_bound"] = bounds.matrix_products(watched) / step
        plain_step = statistics.median(seconds["probes"]) / options.chunk
        result["instruments"] = {
            name: {**one._asdict(), "share": one.seconds / one.every / plain_step}
            for name, one in bounds.instruments(watched).items()
        }
    return result


def _ratio(seconds: dict[str, list[float]], above: str, below: str) -> float | None:
    """How often `above` is as fast as `below`, by the rounds in which both took turns."""
    if above not in seconds or below not in seconds:
        return None
    pairs = zip(seconds[above], seconds[below], strict=True)
    return statistics.median(theirs / own for own, theirs in pairs)


def _result(
    config: RunConfig, trainer: Trainer, seconds: dict[str, list[float]], chunk: int
) -> dict[str, Any]:
    import torch

    from core.estimate import flops_per_token
    from core.training.compiling import processor

    tokens = chunk * config.tokens_per_step
    cuda = trainer.device.type == "cuda"
    hardware = torch.cuda.get_device_name() if cuda else processor()
    speed = {n: tokens / statistics.median(s) for n, s in seconds.items()}
    fastest = max(speed[n] for n in ("probes", "compiled") if n in speed)
    flops = flops_per_token(config.model, trainer.task.corpus.vocabulary) * fastest
    peak = next((p for name, p in PEAKS.items() if name in hardware), None) if cuda else None
    result = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "hardware": hardware,
        "device": trainer.device.type,
        "threads": torch.get_num_threads(),
        "pairs": len(seconds["probes"]),
        "steps_per_round": chunk,
        "probes_over_no_probes": _ratio(seconds, "no_probes", "probes"),
        "speed_over_plain_loop": _ratio(seconds, "probes", "plain"),
        "compiled_over_eager": _ratio(seconds, "compiled", "probes"),
        "speed_over_compiled_plain_loop": _ratio(seconds, "compiled", "plain_compiled"),
        "tokens_per_second": speed,
        "flops_per_second": flops,
        "share_of_peak": flops / peak if peak else None,
    }
    against = {
        f"{own} / {theirs}": _ratio(seconds, own, theirs)
        for own in ("probes", "compiled")
        for theirs in ("nanogpt", "nanogpt_compiled")
        if own in seconds and theirs in seconds
    }
    return {**result, "against": against} if against else result


def words(result: dict[str, Any]) -> str:
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
    ]
    if result["compiled_over_eager"] is not None:
        lines.append(
            t(
                "tokens/s, probes on: compiled / eager {own:.3f} x, compiled / compiled plain loop"
                " {plain:.3f} x",
                own=result["compiled_over_eager"],
                plain=result["speed_over_compiled_plain_loop"],
            )
        )
    lines += [
        t("tokens/s, {pair}: {ratio:.3f} x", pair=pair, ratio=ratio)
        for pair, ratio in result.get("against", {}).items()
    ]
    lines.append(t("tokens/s:"))
    lines += [f"  {name:18} {value:>12,.0f}" for name, value in speed.items()]
    flops = Message("{rate:.3f} TFLOP/s with probes", rate=result["flops_per_second"] / 1e12)
    share = result["share_of_peak"]
    if share:
        flops = Message("{flops}, {share:.1%} of peak", flops=flops, share=share)
    lines.append(t(flops))
    lines.append(
        t(
            "matrix products alone: {share:.0%} of the fastest engine's step",
            share=result["matrix_bound"],
        )
    )
    if result["instruments"]:
        lines.append(t("instruments: a measurement, ms; every so many steps; of a step's time"))
    lines += [
        f"  {name:24} {one['seconds'] * 1e3:8.3f} {one['every']:6} {one['share']:8.2%}"
        for name, one in result["instruments"].items()
    ]
    if "at_once" in result:
        lines.append(t("runs as the queue trains them, tokens/s together:"))
        gain = result["at_once_gain"]
        lines += [
            f"  {name:18} {value:>12,.0f}" + (f"   {gain[name]:.3f} x" if name in gain else "")
            for name, value in result["at_once"].items()
        ]
    if "first_point_seconds" in result:
        lines.append(
            t(
                "from the start of a run to its first point, warm: {seconds:.2f} s",
                seconds=result["first_point_seconds"],
            )
        )
    return "\n".join(lines)
