"""Runs that look trained, made in milliseconds, written as the trainer writes them."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

import numpy as np

from core.config import RunConfig
from core.files import write_json
from core.metrics.names import STATISTICS
from core.metrics.writer import SeriesWriter
from core.runs import Run, RunStore, Status, checkpoint_files

TEXT = "First Citizen: Before we proceed any further, hear me speak.\n\nAll: Speak, speak.\n\nFirst"
ALPHABET = "".join(sorted(set(TEXT + "abcdefghijklmnopqrstuvwxyz")))
GROUPS = ("attn.q", "attn.k", "attn.v", "attn.o", "mlp.in", "mlp.out", "norm", "block")
LAYERED = (
    "resid_pre",
    "attn.q",
    "attn.k",
    "attn.v",
    "attn.out",
    "resid_mid",
    "mlp.pre",
    "mlp.post",
    "mlp.out",
    "resid_post",
)
WHOLE = ("embed", "final_norm.out", "logits")
UNIGRAM = 3.309


def config(name: str = "pre-ln-lives", steps: int = 400, **flat: Any) -> RunConfig:
    """A small run's settings; `flat` overrides them by dotted name with double underscores."""
    values = {
        "model.depth": 6,
        "training.steps": steps,
        "data.corpus": "tiny-shakespeare",
        **{k.replace("__", "."): v for k, v in flat.items()},
    }
    return RunConfig.from_flat(values, name=name)


class Faker:
    """Writes one run's rows. `fate`: lives, plateau (sits on unigram entropy) or diverges."""

    def __init__(self, run: Run, fate: str = "lives", seed: int = 0) -> None:
        self.run, self.fate = run, fate
        self.random = np.random.default_rng(seed)
        self.depth, self.heads = run.config.model.depth, run.config.model.heads
        self.writers: dict[str, SeriesWriter] = {}
        self.segment = -1

    def start(self, step: int = 0) -> None:
        """Begin a segment, as each start of a trainer does."""
        self.close()
        self.segment += 1
        if not self.run.corpus:
            self._describe()
        folder = self.run.path / "metrics"
        self.writers = {
            c: SeriesWriter(folder, c, self.segment) for c in ("step", "probe", "evaluation")
        }
        self.run.add_event("start", step, segment=self.segment)
        self.run.add_event("threads", step, threads=1)

    def _describe(self) -> None:
        length = self.run.config.probe_length
        probe = (TEXT * 8)[:length]
        corpus = {
            "corpus": "tiny-shakespeare",
            "length": 1115394,
            "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
            "vocabulary": len(ALPHABET),
            "unit": "character",
            "unigram_entropy": UNIGRAM,
            "unigram_validation": UNIGRAM + 0.01,
            "probe_text": probe,
            "probe_tokens": [ALPHABET.index(c) for c in probe],
        }
        write_json(self.run.path / "corpus.json", corpus)
        write_json(self.run.path / "tokenizer.json", {"kind": "characters", "alphabet": ALPHABET})

    def loss(self, steps: np.ndarray) -> np.ndarray:
        """The training loss of these steps, drawn anew at each call."""
        start = 4.25
        if self.fate == "plateau":
            clean = UNIGRAM + (start - UNIGRAM) * np.exp(-steps / 12)
            return clean + self.random.normal(0, 0.012, len(steps))
        clean = 2.33 + (start - 2.33) * np.exp(-((steps / 70) ** 0.8))
        loss = clean + self.random.normal(0, 0.035, len(steps))
        if self.fate == "diverges":
            loss = np.where(steps > 60, 3 + (steps - 60) ** 2 / 90.0, loss)
            loss = np.where(steps > 120, np.nan, loss)
        return loss

    def layers(self, steps: np.ndarray, start: float, slope: float) -> np.ndarray:
        """(n, L): a magnitude that changes with depth and through training."""
        depth = np.arange(self.depth) / max(self.depth - 1, 1)
        noise = np.exp(self.random.normal(0, 0.12, (len(steps), self.depth)))
        decay = 0.25 + 0.75 * np.exp(-steps[:, None] / 90)
        return start * np.exp(slope * depth)[None] * decay * noise

    def write(self, first: int, last: int) -> None:
        """Rows of the steps `first` to `last`, the last left out."""
        steps = np.arange(first, last)
        if not len(steps):
            return
        dead = self.fate == "plateau"
        columns: dict[str, np.ndarray] = {
            "step": steps,
            "seconds": steps * 0.05,
            "loss/train": self.loss(steps),
            "loss/unigram": np.full(len(steps), UNIGRAM),
            "learning_rate": np.full(len(steps), 1e-3),
            "tokens_per_second": self.random.normal(18640, 150, len(steps)),
            "grad_norm/total": (0.04 if dead else 0.6)
            * np.exp(-steps / 300)
            * np.exp(self.random.normal(0, 0.1, len(steps))),
            "grad_norm/embed": self.layers(steps, 0.1, 0)[:, 0],
            "grad_norm/head": self.layers(steps, 0.2, 0)[:, 0],
        }
        for i, group in enumerate(GROUPS):
            columns[f"grad_norm/{group}"] = self.layers(
                steps, 0.2 / (1 + i % 4), 3.2 if dead else -1.1
            )
        if self.fate == "diverges":
            columns["grad_norm/block"][steps > 120] = np.nan
        self.writers["step"].write(columns)
        self._probe(steps[steps % max(self.run.config.probes.every, 1) == 0])
        every = self.run.config.training.evaluate_every
        for step in steps[steps % max(every, 1) == 0]:
            self._evaluate(int(step))

    def _probe(self, steps: np.ndarray) -> None:
        if not len(steps):
            return
        columns: dict[str, np.ndarray] = {"step": steps, "seconds": steps * 0.05}
        grows = 0.0 if self.fate == "plateau" else 1.5
        for statistic in STATISTICS:
            for observable in LAYERED:
                values = (
                    1 + grows * np.arange(self.depth)[None] * (1 - np.exp(-steps / 120))[:, None]
                )
                values = values * np.exp(self.random.normal(0, 0.02, values.shape))
                if statistic == "mean":
                    values = values * 0.01
                if statistic == "dead":
                    values = np.clip(values / 20, 0, 1)
                columns[f"activation/{statistic}/{observable}"] = values
            for observable in WHOLE:
                columns[f"activation/{statistic}/{observable}"] = np.full(len(steps), 0.9)
        for group in GROUPS[:-1]:
            columns[f"update_ratio/{group}"] = self.layers(steps, 1e-3, 0.3)
        self.writers["probe"].write(columns)

    def _evaluate(self, step: int) -> None:
        at = np.array([step])
        loss = self.loss(at) + 0.03
        self.writers["evaluation"].write(
            {"step": at, "seconds": at * 0.05, "loss/validation": loss}
        )
        text = "e t ea ohn s ti r e a ot ne h" if self.fate == "plateau" else TEXT[:80]
        self.run.add_event("sample", step, text=text)
        self.snapshot(step)

    def snapshot(self, step: int) -> None:
        """Attention that sharpens with training: previous token, first token, spread, induction."""
        size = self.run.config.probe_length
        i, j = np.indices((size, size))
        sharp = min(step / 150, 1) * 6
        pattern = np.zeros((self.depth, self.heads, size, size), dtype=np.float32)
        for layer in range(self.depth):
            for head in range(self.heads):
                kind = (layer * 3 + head) % 4
                score = (
                    -np.abs(i - j - 1) * sharp,
                    -j * sharp * 0.4,
                    -np.abs(i - j) * 0.02 * sharp,
                    -np.abs(i - j - 7) * sharp * 0.25,
                )[kind]
                weight = np.where(j <= i, np.exp(score - score.max()), 0)
                pattern[layer, head] = weight / weight.sum(-1, keepdims=True)
        self.run.snapshots.write(step, pattern)

    def status(self, state: str, step: int, message: str = "") -> None:
        """Replace the run's status as a worker does."""
        running = state == "running"
        steps = self.run.config.training.steps
        self.run.write_status(
            Status(
                state=state,
                step=step,
                steps=steps,
                message=message,
                device="cpu",
                tokens_per_second=18640.0 if running else None,
                seconds_left=(steps - step) * 0.05 if running else None,
            )
        )

    def alarm(self, step: int, name: str, text: str, level: str = "warning") -> None:
        """Something to say about a step."""
        self.run.add_event("alarm", step, name=name, level=level, text=text)

    def close(self) -> None:
        """End the segment."""
        for writer in self.writers.values():
            writer.close()
        self.writers = {}


def finished(
    store: RunStore, name: str = "pre-ln-lives", fate: str = "lives", steps: int = 400, **flat: Any
) -> Run:
    """A whole run that ended as its fate says."""
    run = store.create(config(name, steps, **flat))
    faker = Faker(run, fate)
    faker.start()
    faker.write(0, steps + 1)
    if fate == "plateau":
        faker.alarm(
            38,
            "plateau",
            "The loss has sat at the entropy of single letters (3.309) for 100 steps: the network"
            " ignores its input.",
        )
    if fate == "lives":
        faker.alarm(214, "learns", "The loss passes 2.45: it uses what came before.", "good")
    faker.close()
    end = "diverged" if fate == "diverges" else "finished"
    faker.status(end, steps, "the loss is not a number" if end == "diverged" else "")
    return run


class LiveFakeRun:
    """A run that a thread trains at `rate` steps a second, holding its lock as a worker does."""

    def __init__(
        self,
        store: RunStore,
        name: str = "live",
        fate: str = "lives",
        steps: int = 400,
        rate: float = 20,
        seed: int = 0,
        **flat: Any,
    ) -> None:
        twin = flat.pop("twin_of", None)
        self.run = store.create(config(name, steps, **flat), **({"twin_of": twin} if twin else {}))
        self.steps, self.rate = steps, rate
        self.faker = Faker(self.run, fate, seed)
        self.step = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._lock = self.run.lock()

    def start(self, at: int = 0) -> LiveFakeRun:
        """Begin; the first `at` steps are there at once."""
        assert self._lock.acquire()
        self.faker.start()
        self._advance(at)
        self._thread.start()
        return self

    def _advance(self, until: int) -> None:
        before, self.step = self.step, min(until, self.steps + 1)
        self.faker.write(before, self.step)
        for step, name, level, text in (
            (38, "plateau", "warning", "Loss has been at the entropy of single letters (3.309)."),
            (150, "learns", "good", "The loss is below the unigram entropy: it uses context."),
        ):
            if before <= step < self.step and (level == "good") == (self.faker.fate == "lives"):
                self.faker.alarm(step, name, text, level)
        self.faker.status("running", min(self.step, self.steps))

    def _train(self) -> None:
        began, first = time.monotonic(), self.step
        while not self._stop.wait(0.25) and self.step <= self.steps:
            self._advance(first + int((time.monotonic() - began) * self.rate))
        self.faker.status(
            "finished" if self.step > self.steps else "stopped", min(self.step, self.steps)
        )
        self.faker.close()
        self._lock.release()

    def stop(self) -> None:
        """End it and wait for its thread."""
        self._stop.set()
        self._thread.join()


def checkpoint(run: Run, step: int) -> None:
    """A checkpoint with checksums that is whole for whoever does not load it."""
    base = checkpoint_files.base_of(run.path / "checkpoints", step)
    sums = {}
    for suffix in (checkpoint_files.WEIGHTS, checkpoint_files.STATE):
        content = f"{suffix} of step {step}".encode()
        base.with_suffix(suffix).write_bytes(content)
        sums[suffix] = hashlib.sha256(content).hexdigest()
    said = {"schema": 1, "step": step, "seconds": 0.05 * step, "sha256": sums}
    write_json(base.with_suffix(".json"), {**said, "check": checkpoint_files.checksum(said)})
