"""What the page Runs shows: the runs of the folder, those in its trash, what can't be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.catalogue import index as catalogue
from core.catalogue.entry import Entry
from core.files import Usage
from core.runs import RunStore
from dashboard.runs import listing
from dashboard.runs.sizes import sizes

PATIENCE = 0.3  # seconds that the page waits for runs that nobody has listed since the start


@dataclass(frozen=True)
class Folder:
    """`on_disk` is what runs take, by id, as far as they are counted.

    `unreadable` are sentences by id on folders that are listed nowhere, `damaged` those on listed
    runs of which a part can't be read.
    """

    store: RunStore
    entries: list[Entry]
    trashed: list[Entry]
    on_disk: Mapping[str, Usage]
    unreadable: Mapping[str, str]
    damaged: list[str]

    @property
    def every(self) -> list[Entry]:
        """The runs of the folder and of the trash."""
        return [*self.entries, *self.trashed]

    @property
    def counted(self) -> bool:
        """Whether the sizes of all runs are known."""
        return len(self.on_disk) >= len(self.every)

    @property
    def alive(self) -> int:
        """How many runs wait or are at work."""
        return sum(entry.alive for entry in self.entries)

    @property
    def tags(self) -> list[str]:
        """Every tag that a run has."""
        return sorted({tag for entry in self.entries for tag in entry.tags})


def load(store: RunStore) -> Folder:
    """A folder of runs as it is now; on a page that waits, as far as it is known soon."""
    catalogue.hurry(PATIENCE)
    entries, trashed = catalogue.entries(store), listing.deleted(store)
    unreadable = listing.damaged(store, entries)
    problems = catalogue.problems(store)
    return Folder(
        store,
        entries,
        trashed,
        sizes().of([*entries, *trashed]),
        unreadable,
        [sentence for id, sentence in problems.items() if id not in unreadable],
    )
