"""What metrics of other programs are called here: where both are the same thing, as the lab calls
it; every other keeps its name, but for signs that the lab's addresses use themselves.

Pure: names in, names out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

# Ours, and what others call it: lower case, `/`, `.` and spaces as `_`. Trainers that name a value
# by its part of the data first or last (train/loss, loss/train) both come out as one.
SAME: dict[str, tuple[str, ...]] = {
    "loss/train": ("loss", "train_loss", "loss_train", "training_loss", "train_loss_step"),
    "loss/validation": (
        *("val_loss", "loss_val", "valid_loss", "validation_loss", "loss_validation"),
        *("eval_loss", "loss_eval", "dev_loss", "loss_valid"),
    ),
    "accuracy/train": ("accuracy", "acc", "train_acc", "train_accuracy", "accuracy_train"),
    "accuracy/validation": (
        *("val_acc", "val_accuracy", "valid_acc", "validation_accuracy", "eval_accuracy"),
        *("eval_acc", "accuracy_val", "accuracy_validation"),
    ),
    "learning_rate": ("lr", "learning_rate", "train_lr", "train_learning_rate"),
    "grad_norm/total": (
        *("grad_norm", "gradient_norm", "train_grad_norm", "total_norm", "grad_norm_total"),
    ),
    "tokens_per_second": ("tokens_per_second", "tokens_per_sec", "train_tokens_per_second"),
}
_OURS = {other: ours for ours, others in SAME.items() for other in others}
RESERVED = ("step", "seconds")  # columns that every table of metrics has
LONGEST = 200
# Where a metric is written whose steps are those of a trainer of this lab.
CADENCES = {"loss/train": "step", "loss/validation": "evaluation"}


def named(names: Iterable[str]) -> dict[str, str]:
    """What each of these metrics is called here, all different.

    Of several that mean one thing the first has its name, and the others keep theirs.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        word = re.sub(r"[\s/.]+", "_", name.strip().lower()).removeprefix("metrics_")
        ours = _OURS.get(word)
        if ours is None or ours in taken:
            ours = kept(name)
            if ours in taken or ours in SAME:
                ours = _apart(ours, name, taken)
        taken.add(ours)
        found[name] = ours
    return found


def kept(name: str) -> str:
    """A metric's own name without what an address uses (`,` `~`), or a name of the lab's means.

    `blocks.3.x` would be read as layer 3 of `x`, and `difference/` as one run minus another.
    """
    word = re.sub(r"[,~\x00-\x1f\x7f\ud800-\udfff]", "_", name.strip())[:LONGEST] or "_"
    word = re.sub(r"\bblocks\.(?=\d+\.)", "blocks_", word)
    word = word.replace("difference/", "difference_", 1) if word.startswith("difference/") else word
    return f"{word}_" if word in RESERVED else word


def _apart(word: str, name: str, taken: set[str]) -> str:
    told = f"{word}_" if f"{word}_" not in taken else f"{word}_{zlib.crc32(name.encode()):08x}"
    return told


def cadence_of(metric: str) -> str:
    """The cadence of a metric that is written with steps of its own; a name that files can have."""
    if metric in CADENCES:
        return CADENCES[metric]
    word = re.sub(r"[^A-Za-z0-9_]", "_", metric)[:60]
    return word if word == metric else f"{word}_{zlib.crc32(metric.encode()):08x}"
