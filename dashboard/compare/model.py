"""What Compare shows: all runs, which the address chooses, and of these what a filter lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.catalogue import index
from core.catalogue.entry import Entry
from core.runs import RunStore
from dashboard.address.param import Address, Problems
from dashboard.catalogue import run_names
from dashboard.compare import address, groups
from dashboard.compare.address import Choice


@dataclass(frozen=True)
class Compare:
    """`choice` is the address's; `damaged` are sentences on runs that can't be read whole."""

    runs: list[Entry]
    choice: Choice
    problems: Problems
    damaged: list[str]

    @property
    def by_id(self) -> dict[str, Entry]:
        """The runs by their ids, newest first."""
        return {entry.id: entry for entry in self.runs}

    @property
    def tags(self) -> list[str]:
        """Every tag that a run has."""
        return sorted({tag for entry in self.runs for tag in entry.tags})

    @property
    def in_grids(self) -> bool:
        """Whether a run belongs to an ablation grid."""
        return any(entry.meta.get("grid") for entry in self.runs)


@dataclass(frozen=True)
class Listing:
    """The runs that a filter lists; `groups` and `names` by id, `labels` short names by id.

    `wrong` says what can't be read in the filter, which then lists all. `drawn` are those that the
    choice draws, `focus` is the one of them that stands out.
    """

    listed: list[Entry]
    wrong: str
    groups: Mapping[str, str]
    names: Mapping[str, str]
    labels: Mapping[str, str]
    drawn: list[Entry]
    focus: Entry | None


def load(query: Address, store: RunStore) -> Compare:
    """Every readable run of a store, and which of them an address chooses."""
    runs = index.entries(store)
    choice, problems = address.read(query, {entry.id for entry in runs})
    return Compare(runs, choice, problems, list(index.problems(store).values()))


def arrange(model: Compare, choice: Choice, filtered: tuple[list[Entry], str], by: str) -> Listing:
    """The runs that a filter lists (`listing.filtered`), grouped by a setting, those drawn."""
    listed, wrong = filtered
    called = run_names.among(model.runs)  # of all runs, as every other page calls them
    by_id = model.by_id
    drawn = [by_id[id] for id in choice.drawn([entry.id for entry in listed])]
    focus = next((entry for entry in drawn if entry.id == choice.focus), None)
    return Listing(
        listed, wrong, groups.labels(listed, by), called.names, called.labels, drawn, focus
    )
