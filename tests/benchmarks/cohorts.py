"""Runs in turn against the same runs as one batched program: `python -m tests.benchmarks.cohorts`.

A step is the forward and backward pass, the norms of all gradients and the update; steps of the two
alternate, and the medians are compared. `--members 2,4,8`, `--widths 16,64,128`.
"""

from __future__ import annotations

import argparse

import torch

from core.config import RunConfig
from core.training.cohort_speed import Speed, compare

WIRINGS: tuple[dict[str, object], ...] = (
    {},
    {"model.placement": "post"},
    {"model.placement": "none", "model.norm": "none"},
    {"model.placement": "post", "model.scaling": "deepnorm"},
)
VOCABULARY = 65


def measure(width: int, members: int, mixed: bool, threads: int, seconds: float) -> Speed:
    """`members` runs of a width, all pre-LN, or `mixed`: pre, post, none and DeepNorm in turn."""
    torch.set_num_threads(threads)
    configs = [
        RunConfig.from_flat(
            {
                **{"model.depth": 4, "model.width": width, "model.heads": 4, "model.context": 64},
                "training.batch_size": 12,
                **(WIRINGS[at % len(WIRINGS)] if mixed else {}),
            }
        )
        for at in range(members)
    ]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return compare(configs, VOCABULARY, device, seconds)


def main() -> None:
    """A line for each width and number of members."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", default="2,4,8")
    parser.add_argument("--widths", default="16,64,128")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    told = parser.parse_args()
    print("width  members  wiring  in turn, ms  together, ms  ratio")
    for width in map(int, told.widths.split(",")):
        for members in map(int, told.members.split(",")):
            for mixed in (False, True):
                speed = measure(width, members, mixed, told.threads, told.seconds)
                print(
                    f"{width:5}  {members:7}  {'mixed ' if mixed else 'pre-LN'}"
                    f"  {speed.in_turn * 1e3:11.1f}  {speed.together * 1e3:12.1f}"
                    f"  {speed.ratio:5.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
