"""What the Evidence page shows: every claim with its newest answer, and which one is open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.evidence import CLAIMS, GROUPS, Claim, Record, Value, kept
from core.evidence.claim import Quantity, Standing, Verdict
from core.jobs.checks import Asked
from core.jobs.inspections import Record as State
from core.language import t
from core.runs import RunStore
from dashboard.address.param import Param, word

NAMES = [claim.name for claim in CLAIMS]
OPEN: Param[str] = word("evidence_claim", NAMES)
ALL = "all"
# What an icon stands for; the word stands beside it.
MARKS: dict[Verdict, str] = {"shown": "✓", "not shown here": "○", "outside the band": "✕"}


class Row(NamedTuple):
    """A quantity as the page shows it; `kind` is how style sheets call its word."""

    words: str
    expected: str
    measured: str
    mark: str
    word: str
    kind: str


@dataclass(frozen=True)
class Shown:
    """A claim with its newest answer: of this machine, else the one that ships, else none.

    `state` is where a check of it stands that somebody asked for here.
    """

    claim: Claim
    record: Record | None
    here: bool
    shipped: Record | None
    state: State | None

    @property
    def verdict(self) -> str:
        """The verdict's word; of a claim without an answer that it has none."""
        return t(self.record.verdict) if self.record else t("not measured yet")

    @property
    def kind(self) -> str:
        """The verdict as style sheets call it."""
        return self.record.verdict.partition(" ")[0] if self.record else "none"

    @property
    def mark(self) -> str:
        """The verdict's icon."""
        return MARKS[self.record.verdict] if self.record else "–"

    @property
    def under_way(self) -> bool:
        """Whether it waits or is being measured."""
        return self.state is not None and self.state.state in ("waiting", "working")

    @property
    def problem(self) -> str:
        """Why the check that somebody asked for could not be done."""
        failed = self.state is not None and self.state.state == "failed"
        return self.state.message if self.state and failed else ""

    @property
    def rows(self) -> list[Row]:
        """Each quantity: in words, what is expected, what was measured, and how it lies."""
        rows = []
        for quantity in self.claim.quantities:
            value = self.record.value(quantity.name) if self.record else None
            stands = _standing(quantity, value)
            if value is None:
                found, mark, word, kind = t("not measured yet"), "", "", "none"
            elif stands == "inside":
                found, mark, word, kind = t(value.words), "✓", t("inside"), "in"
            elif stands == "undecided":
                found, mark, word, kind = t(value.words), "○", t("undecided"), "not"
            elif quantity.strict:
                found, mark, word, kind = t(value.words), "✕", t("outside"), "out"
            else:
                found, mark, word, kind = t(value.words), "○", t("not shown here"), "not"
            rows.append(Row(t(quantity.words), t(quantity.expected), found, mark, word, kind))
        return rows

    @property
    def undecided(self) -> bool:
        """Whether all that keeps the claim from being shown is the spread over seeds."""
        if self.record is None:
            return False
        stands = [_standing(q, self.record.value(q.name)) for q in self.claim.quantities]
        return "undecided" in stands and "outside" not in stands

    @property
    def first(self) -> str:
        """The first quantity in a line: what was measured and what is expected."""
        row = self.rows[0]
        return t(
            "{quantity}: {measured}, expected {expected}",
            quantity=row.words, measured=row.measured, expected=row.expected,
        )  # fmt: skip

    @property
    def origin(self) -> str:
        """Where and when it was measured."""
        record = self.record
        if record is None:
            return t("not measured yet")
        place = t("a GPU") if record.device == "cuda" else record.hardware
        values = {"date": record.date, "hardware": place, "torch": record.torch}
        if self.here:
            return t("measured here on {date}, {hardware}, torch {torch}", **values)
        return t("recorded on {date}, {hardware}, torch {torch}", **values)


@dataclass(frozen=True)
class Evidence:
    """Every claim in order, and the one that is open."""

    every: Sequence[Shown]
    open: Shown
    store: RunStore

    def of_group(self, group: str) -> list[Shown]:
        """The claims of a group, or all of them."""
        return [one for one in self.every if group in (ALL, one.claim.group)]

    @property
    def groups(self) -> dict[str, str]:
        """The groups by name, as a filter offers them."""
        return {ALL: t("All"), **{name: t(words) for name, words in GROUPS.items()}}

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Icon, word and number of each verdict, and of what has none."""
        found = []
        for verdict, mark in MARKS.items():
            number = sum(1 for one in self.every if one.record and one.record.verdict == verdict)
            found.append((mark, t(verdict), number))
        without = sum(one.record is None for one in self.every)
        return [*found, ("…", t("not measured yet"), without)] if without else found

    @property
    def measured_here(self) -> int:
        """How many answers are of this machine."""
        return sum(one.here for one in self.every)

    @property
    def recorded(self) -> int:
        """How many answers are those that ship."""
        return sum(one.record is not None and not one.here for one in self.every)


def _standing(quantity: Quantity, value: Value | None) -> Standing:
    if value is None:
        return "outside"
    return quantity.standing([v if v is not None else math.nan for v in value.by_seed])


def shown(root: Path, claim: Claim) -> Shown:
    """A claim as it stands now."""
    here, shipped = kept.here(root, claim), kept.shipped(claim)
    return Shown(claim, here or shipped, here is not None, shipped, Asked(root, claim.name).record)


def load(store: RunStore, name: str) -> Evidence:
    """Every claim as it stands now; `name` is the open one."""
    every = [shown(store.root, claim) for claim in CLAIMS]
    return Evidence(every, every[NAMES.index(name)], store)


def runs_of(store: RunStore, one: Shown) -> list[str]:
    """The ids of the runs that its check trained and that are still there."""
    made = one.record.runs if one.record and one.here else ()
    there = set(store.names()) if made else set()
    return [id for id in made if id in there]
