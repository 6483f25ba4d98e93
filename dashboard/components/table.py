"""The runs table: what is ticked in it is drawn by every view that follows the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dashboard import components
from dashboard.state import LIVE


def runs_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Mapping[str, Any]],
    order: Mapping[str, Any],
    *,
    key: str = "runs_table",
    height: int = 262,
    empty: str = "",
    alive: int = 0,
    on_choice: Callable[[], None],
) -> Any:
    """Mount the table; `rows` and `columns` as `dashboard.compare.rows` makes them.

    `order` is the choice that the table takes when its number `n` is new. The result has `edit`:
    the id of the run whose edit button was pressed, in that rerun alone; and `choice`, what is
    drawn now. `empty` stands below a table without rows. `alive`: how many runs of the folder wait
    or are at work; when there are more, somebody started one, and the page is drawn anew.
    """
    return components.mount(
        "runs",
        key,
        height,
        {
            "rows": rows,
            "settings": columns,
            "order": order,
            "empty": empty,
            "alive": alive,
            "runs": [
                {"id": row["id"], "state": row["state"]} for row in rows if row["state"] in LIVE
            ],
        },
        on_choice_change=on_choice,
        on_edit_change=components.nothing,
    )
