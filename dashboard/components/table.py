"""The runs table: what is ticked in it is drawn by every view that follows the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from core.metrics import limits
from core.verdicts.labels import LIVE
from dashboard.components.onto_page import mount, nothing

# The columns of a table in their order, as `views/runs/table_row.js` knows them. `settings` are
# those that fit into the room, `more` the others.
COMPARE = ("run", "settings", "validation", "state", "training", "more", "tags")
RUNS = ("run", "state", "step", "training", "validation", "size", "created", "tags", "note")
TRASH = ("run", "state", "training", "validation", "size", "deleted", "left", "tags", "note")
Names = Literal["focus", "edit", "tick"]


def runs_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Mapping[str, Any]],
    order: Mapping[str, Any],
    *,
    key: str = "runs_table",
    height: int = 262,
    empty: str = "",
    alive: int = 0,
    shows: Sequence[str] = COMPARE,
    most: int | None = limits.RUNS,
    chosen: str = "drawn",
    names: Names = "focus",
    edits: bool = True,
    on_choice: Callable[[], None],
) -> Any:
    """Mount the table; `rows` and `columns` as `dashboard.compare.rows` makes them.

    `order` is the choice that the table takes when its number `n` is new. The result has `edit`:
    the id of the run whose edit button was pressed, in that rerun alone; and `choice`, what is
    drawn now. `empty` stands below a table without rows. `alive`: how many runs of the folder wait
    or are at work; when there are more, somebody started one, and the page is drawn anew.

    `shows` are the columns, `most` how many runs may be ticked (None for all), `chosen` what a
    ticked run is called, and `names` what a press on a name does. Without `edits` no line offers
    to change what a run is called.
    """
    return mount(
        "runs",
        key,
        height,
        {
            "rows": rows,
            "settings": columns,
            "order": order,
            "empty": empty,
            "alive": alive,
            "shows": list(shows),
            "most": most,
            "chosen": chosen,
            "names": names,
            "edits": edits,
            "runs": [
                {"id": row["id"], "state": row["state"]} for row in rows if row["state"] in LIVE
            ],
        },
        on_choice_change=on_choice,
        on_edit_change=nothing,
    )
