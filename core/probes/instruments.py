"""Every instrument that watches a training, with settings that switch it on alone.

For `core bench`, which measures what each costs, and for whoever lists them. Does not import torch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from core.config import RunConfig
from core.language import mark

# Settings that leave every optional instrument out; `probes.every` takes the probes with it.
OFF: dict[str, Any] = {
    "probes.attention": False,
    "probes.noise_every": 0,
    "probes.hessian_every": 0,
}


class Instrument(NamedTuple):
    """One instrument: its name for files, its title, the setting with its interval, and the
    settings, by dotted name, under which it alone is on beside the gradient norms."""

    name: str
    title: str
    setting: str
    alone: dict[str, Any]


NEVER = 10**8  # as long as settings allow: only step 0 is probed

INSTRUMENTS = (
    Instrument("gradient_norms", mark("gradient norms"), "probes.every", {"probes.every": NEVER}),
    Instrument("statistics", mark("activation statistics"), "probes.every", {}),
    Instrument(
        "attention", mark("attention maps"), "probes.attention", {"probes.attention": True}
    ),
    Instrument(
        "noise", mark("gradient noise scale"), "probes.noise_every",
        {"probes.every": NEVER, "probes.noise_every": 100},
    ),
    Instrument(
        "hessian", mark("largest Hessian eigenvalue"), "probes.hessian_every",
        {"probes.every": NEVER, "probes.hessian_every": 500},
    ),
)  # fmt: skip


def instruments(config: RunConfig) -> dict[str, RunConfig]:
    """By name, the run's settings with that instrument alone, at the interval that the run has for
    it or, where it is off, at the one it is meant to have. No budget stretches it."""
    flat = config.flat()
    found = {}
    for one in INSTRUMENTS:
        if one.name == "attention" and config.model.family != "transformer":
            continue
        off = {n: v for n, v in OFF.items() if n != "probes.attention" or flat[n]}
        own = {
            n: v if n == "probes.every" or not flat[n] else flat[n] for n, v in one.alone.items()
        }
        if "probes.every" not in own and not flat["probes.every"]:
            own["probes.every"] = RunConfig().probes.every
        if config.model.family != "transformer":
            off.pop("probes.attention", None)
        found[one.name] = RunConfig.from_flat({**flat, **off, "probes.budget": 0.0, **own})
    return found
