"""What the address holds beside the widgets: which runs are drawn, focus, cursor, order, zoom.

The table owns this choice while the page is open; it reports it after a moment of quiet, and the
address follows. An *order* goes the other way: a new number tells the table to take the choice
that comes with it, because the page was opened with an address or a cell of the matrix was.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import streamlit as st

from core.metrics.limits import RUNS
from dashboard import chosen
from dashboard.state import SETTINGS

Kind = Literal["all", "only", "but"]
NONE = "none"  # in the address: no run at all
SORTS = ("run", "validation", "training", "state", "tags")


@dataclass(frozen=True)
class Choice:
    """What is drawn. `kind`: all listed runs, only `ids`, or all but `ids`. `sort` is as in
    `-validation.best`, settings by their dotted names; `zoom` holds the ranges of x and y."""

    kind: Kind = "all"
    ids: tuple[str, ...] = ()
    focus: str | None = None
    step: int | None = None
    zoom: tuple[float, float, float, float] | None = None
    sort: str = ""

    def drawn(self, listed: Sequence[str], most: int = RUNS) -> list[str]:
        """The runs that are drawn of those listed, in their order."""
        named = set(self.ids)
        kept = [id for id in listed if self.kind == "all" or (id in named) == (self.kind == "only")]
        return kept[:most]

    def chosen(self, known: Sequence[str] = ()) -> tuple[str, ...]:
        """The runs that other pages open with: the one in focus, and of a drawn pair the other.

        `known` are all runs; unticking all but one or two of them chooses these.
        """
        drawn = self.ids if self.kind == "only" else ()
        if self.kind == "but":
            left = tuple(id for id in known if id not in self.ids)
            drawn = left if len(left) <= 2 else ()
        pair = drawn if len(drawn) == 2 else ()
        first = (self.focus,) if self.focus else drawn[:1]
        return (*first, *(id for id in pair if id not in first))

    def showing(self, ids: Sequence[str]) -> Choice:
        """The same with these runs among those that are drawn.

        One alone comes into focus, which fades the others. A pair is there to be compared.
        """
        named = {"all": (), "only": tuple(dict.fromkeys([*self.ids, *ids])),
                 "but": tuple(id for id in self.ids if id not in ids)}[self.kind]  # fmt: skip
        kind: Kind = "all" if self.kind == "but" and not named else self.kind
        focus = self.focus if not ids else ids[0] if len(ids) == 1 else None
        return replace(self, kind=kind, ids=named, focus=focus)


def read(
    query: Mapping[str, Any], known: Collection[str], settings: Collection[str] = tuple(SETTINGS)
) -> tuple[Choice, list[str]]:
    """The choice that an address says, and a sentence for each part that can't be taken."""
    problems: list[str] = []
    named = {name: _ids(query, f"compare_{name}") for name in ("runs", "hidden", "focus")}
    missing = [id for ids in named.values() for id in ids if id not in known and id != NONE]
    problems += [f"The address names run {id[:80]}, which is not here." for id in missing[:3]]
    if len(missing) > 3:
        problems.append(f"The address names {len(missing) - 3} more runs that are not here.")
    kept = {name: tuple(id for id in ids if id in known) for name, ids in named.items()}
    choice = Choice(focus=kept["focus"][0] if kept["focus"] else None)
    if kept["runs"] or named["runs"] == [NONE]:
        choice = replace(choice, kind="only", ids=kept["runs"])
    elif kept["hidden"]:
        choice = replace(choice, kind="but", ids=kept["hidden"])

    def taken(name: str, take: Callable[[str], Any], accepted: str) -> Any:
        text = str(query.get(f"compare_{name}", ""))
        try:
            return take(text) if text else None
        except ValueError:
            said = f"The address says compare_{name} = {text[:60]}"
            problems.append(f"{said}; accepted: {accepted}.")
            return None

    by = partial(_sort, settings=settings)
    choice = replace(
        choice,
        step=taken("step", _step, "a step, such as 200"),
        zoom=taken("zoom", _zoom, "four numbers: from and to of x, then of y"),
        sort=taken("sort", by, "a column's name, such as -validation.best") or "",
    )
    return choice, problems


def _ids(query: Mapping[str, Any], name: str) -> list[str]:
    return [id for id in dict.fromkeys(str(query.get(name, "")).split(",")) if id]


def _step(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _zoom(text: str) -> tuple[float, float, float, float]:
    a, b, c, d = (float(part) for part in text.split(","))
    if not all(math.isfinite(part) for part in (a, b, c, d)) or a >= b or c >= d:
        raise ValueError(text)
    return a, b, c, d


def _sort(text: str, settings: Collection[str]) -> str:
    by = text.removeprefix("-").removesuffix(".best")
    if by and by not in SORTS and by not in settings:
        raise ValueError(text)
    return text


def write(choice: Choice) -> None:
    """Make the address say a choice; what is as it comes is left out."""
    named = ",".join(choice.ids) or (NONE if choice.kind == "only" else "")
    zoom = ",".join(repr(part) for part in choice.zoom) if choice.zoom else ""
    for name, text in (
        ("runs", named if choice.kind == "only" else ""),
        ("hidden", named if choice.kind == "but" else ""),
        ("focus", choice.focus or ""),
        ("step", "" if choice.step is None else str(choice.step)),
        ("zoom", zoom),
        ("sort", choice.sort),
    ):
        if text:
            st.query_params[f"compare_{name}"] = text
        elif f"compare_{name}" in st.query_params:
            del st.query_params[f"compare_{name}"]


def kept(choice: Choice, known: Collection[str], problems: Sequence[str] = ()) -> Choice:
    """The choice of the page, which is kept for when it is left and opened again.

    Opened by an address that says nothing it is as it was left, with the runs that were chosen
    elsewhere since then.
    """
    state = st.session_state
    if "runs_table" not in state and choice == Choice() and not problems:
        left, before = state.get("compare_left", (choice, ()))
        choice = _known(left, known)
        elsewhere = chosen.remembered(known)
        if elsewhere != before:
            choice = choice.showing(elsewhere)
        write(choice)
    chosen.follow(*choice.chosen(tuple(known)))
    state["compare_left"] = choice, chosen.remembered(known)
    return choice


def _known(choice: Choice, known: Collection[str]) -> Choice:
    """A choice as far as its runs still exist; of a zoom nobody knows what its axes were."""
    ids = tuple(id for id in choice.ids if id in known)
    if choice.ids and not ids:
        choice = replace(choice, kind="all")
    focus = choice.focus if choice.focus in known else None
    return replace(choice, ids=ids, focus=focus, zoom=None)


def open_runs(ids: Sequence[str], listed: Collection[str]) -> None:
    """Draw these runs alone; a filter that hides one of them goes. For callbacks."""
    choice, _ = read(st.query_params, ids)
    write(replace(choice, kind="only", ids=tuple(ids), focus=None))
    if not set(ids) <= set(listed):
        st.session_state["compare_filter"] = ""


def order(choice: Choice) -> dict[str, Any]:
    """What the table is told: the same as before, or under a new number what changed without it."""
    state = st.session_state
    last = state.get("compare_order")
    # A table that was just put on the page knows nothing yet.
    if last is None or "runs_table" not in state or choice != state["compare_known"]:
        last = {"n": last["n"] + 1 if last else 1, **asdict(choice)}
        state["compare_order"], state["compare_known"] = last, choice
    told: dict[str, Any] = last
    return told


def heard() -> None:
    """Take what the table reports into the address, unless it was told otherwise meanwhile."""
    said = (st.session_state["runs_table"] or {}).get("choice")
    if not said or said.get("n") != st.session_state["compare_order"]["n"]:
        return
    zoom = said.get("zoom")
    choice = Choice(
        kind=said["kind"],
        ids=tuple(said["ids"]),
        focus=said["focus"],
        step=said["step"],
        zoom=tuple(zoom) if zoom else None,
        sort=said["sort"],
    )
    st.session_state["compare_known"] = choice
    st.session_state["compare_problems"] = []
    write(choice)


def complaints(**accepted: Collection[str]) -> list[str]:
    """A sentence for each widget whose value in the address is none that it accepts.

    Streamlit takes such a value out of the address without a word.
    """
    found = []
    for name, words in accepted.items():
        text = st.query_params.get(name)
        if text is not None and text not in words:
            near = difflib.get_close_matches(text, words, n=1)
            hint = f"did you mean {near[0]}?" if near else f"accepted: {', '.join([*words][:8])}."
            found.append(f"The address says {name} = {text[:60]}, which is nothing here; {hint}")
    return found


def remembered(problems: list[str]) -> list[str]:
    """What the address got wrong stays readable until the reader changes what is drawn."""
    if problems:
        st.session_state["compare_problems"] = problems
    kept: list[str] = st.session_state.get("compare_problems", [])
    return kept
