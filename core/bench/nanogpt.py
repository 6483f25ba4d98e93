"""A checkout of nanoGPT (github.com/karpathy/nanoGPT), as a loop beside ours.

Its `model.py` and its `configure_optimizers` are used as they are, in the loop of its `train.py`,
in a process of its own: so it has the environment that it would have, and libgomp its own settings.
``python -m core.bench.nanogpt`` is that process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from core.bench.loops import Loop
from core.config import RunConfig
from core.data.texts import Text
from core.language import Message

# What its networks are, by setting; it knows nothing else.
ALWAYS: dict[str, Any] = {
    "model.family": "transformer",
    "model.placement": "pre",
    "model.norm": "layer",
    "model.residual": "on",
    "model.activation": "gelu",
    "model.positions": "learned",
    "model.scaling": "gpt2",
    "model.init": "gpt2",
    "model.tie_embeddings": True,
    "model.overrides": (),
    "training.accumulate": 1,
}


class NoCheckoutError(ValueError):
    """A folder that is no checkout of nanoGPT, or settings that it can't have; says what to do."""


def check(folder: Path, config: RunConfig) -> None:
    """Raises NoCheckoutError."""
    if not (folder / "model.py").is_file() or not (folder / "train.py").is_file():
        raise NoCheckoutError(
            Message(
                "against: {folder} has no model.py and train.py; accepted: the folder of a"
                " checkout of nanoGPT (git clone https://github.com/karpathy/nanoGPT)",
                folder=folder,
            )
        )
    flat = config.flat()
    for name, value in ALWAYS.items():
        if name in flat and flat[name] not in (value, list(value) if value == () else value):
            raise NoCheckoutError(
                Message(
                    "{setting}: nanoGPT has no {own}; accepted beside it: {value}",
                    setting=name,
                    own=flat[name],
                    value=value if value != () else "[]",
                )
            )


@contextlib.contextmanager
def loop(
    folder: Path, config: RunConfig, text: Text, device: torch.device, compiled: bool
) -> Iterator[Loop]:
    """Its loop, in a process that ends with this block. Raises NoCheckoutError."""
    with tempfile.TemporaryDirectory() as scratch:
        np.asarray(text.training).astype(np.uint16).tofile(Path(scratch) / "train.bin")
        told = {
            "folder": str(folder.resolve()),
            "data": scratch,
            "vocabulary": text.vocabulary,
            "config": config.model_dump(mode="json"),
            "device": device.type,
            "compiled": compiled,
            "threads": torch.get_num_threads(),
        }
        environment = {name: v for name, v in os.environ.items() if name != "GOMP_SPINCOUNT"}
        process = subprocess.Popen(
            [sys.executable, "-m", "core.bench.nanogpt"],
            cwd=Path(__file__).resolve().parents[2],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(line: str) -> str:
            with contextlib.suppress(BrokenPipeError):
                stdin.write(line + "\n")
                stdin.flush()
            answer = stdout.readline()
            if not answer:
                raise NoCheckoutError(
                    Message(
                        "against: nanoGPT in {folder} could not train here; try its own `python"
                        " train.py config/train_shakespeare_char.py --device={device}`",
                        folder=folder,
                        device=device.type,
                    )
                )
            return answer

        try:
            ask(json.dumps(told))
            yield lambda steps: float(ask(str(steps)))
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Read what to train, then numbers of steps; answer the seconds that they took."""
    told = json.loads(sys.stdin.readline())
    answers, sys.stdout = sys.stdout, sys.stderr  # its own words are not for the other side
    torch.set_num_threads(told["threads"])
    steps_of = _training(told)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(steps_of(int(line)), file=answers, flush=True)


def _module(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanogpt_model"] = module
    spec.loader.exec_module(module)
    return module


def _training(told: dict[str, Any]) -> Loop:
    """The loop of its train.py for one process, its data loader and its logging included."""
    config = RunConfig.model_validate(told["config"])
    nano, model_config, settings = _module(Path(told["folder"])), config.model, config.optimizer
    size, device, cuda = model_config.context, told["device"], told["device"] == "cuda"
    torch.manual_seed(config.training.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    model = nano.GPT(
        nano.GPTConfig(
            n_layer=model_config.depth,
            n_head=model_config.heads,
            n_embd=model_config.width,
            block_size=size,
            bias=model_config.bias,
            vocab_size=told["vocabulary"],
            dropout=model_config.dropout,
        )
    ).to(device)
    betas = (settings.beta1, settings.beta2)
    optimizer = model.configure_optimizers(
        settings.weight_decay, settings.learning_rate, betas, device
    )
    forward = torch.compile(model) if told["compiled"] else model
    autocast = torch.autocast("cuda", torch.bfloat16) if cuda else contextlib.nullcontext()

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        data = np.memmap(Path(told["data"]) / "train.bin", dtype=np.uint16, mode="r")
        first = torch.randint(len(data) - size, (config.training.batch_size,))
        x, y = (
            torch.stack([torch.from_numpy(data[i : i + size].astype(np.int64)) for i in starts])
            for starts in (first, first + 1)
        )
        if cuda:
            x, y = (one.pin_memory().to(device, non_blocking=True) for one in (x, y))
        return x, y

    state: dict[str, Any] = {"batch": batch()}

    def steps(number: int) -> float:
        started = time.perf_counter()
        for _ in range(number):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate
            with autocast:
                _, loss = forward(*state["batch"])
            state["batch"] = batch()
            loss.backward()
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            print(f"loss {loss.item():.4f}", file=sys.stderr)  # log_interval=1
        return time.perf_counter() - started

    return steps


if __name__ == "__main__":
    main()
