"""Doing one check, in this process."""

from __future__ import annotations

import time

import torch

from core.anatomy import Report, Silent, load
from core.evidence import kept
from core.evidence.claim import Claim, Measured
from core.evidence.measure.networks import Lab
from core.evidence.record import Record, made
from core.runs import RunStore


def device_kind() -> str:
    """cuda where thorough checks train on a GPU, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def measure(claim: Claim, store: RunStore, report: Report | None = None) -> Record:
    """Do a check and return its record; nothing but the runs that it trains is written.

    Quick ones compute on the processor, in one thread as a worker does. Raises CancelledError,
    CorpusError, RunError and OSError.
    """
    device = "cpu" if claim.quick else device_kind()
    seeds = claim.seeds_on(device == "cuda")
    torch.set_flush_denormal(True)
    started = time.perf_counter()
    # What is drawn here must not be what a test, or a run beside it, goes on from.
    with torch.random.fork_rng(devices=[]):
        found: Measured = load(claim.function)(
            Lab(seeds, report or Silent(), store), **claim.arguments
        )
    seconds = time.perf_counter() - started
    return made(claim, found, seeds, seconds, device, torch.get_num_threads())


def answer(
    claim: Claim, store: RunStore, report: Report | None = None, again: bool = False
) -> tuple[Record, bool]:
    """The record of a claim, and whether it was measured now: one of the same code and settings is
    not measured again unless told so. Raises as `measure` does."""
    known = kept.here(store.root, claim)
    if known is not None and not again and kept.is_current(known, claim):
        return known, False
    record = measure(claim, store, report)
    kept.keep(store.root, record)
    return record, True
