"""What the address holds beside the widgets: which runs are drawn, focus, cursor, order, zoom.

The table owns this choice while the page is open; it reports it after a moment of quiet, and the
address follows. An *order* goes the other way: a new number tells the table to take the choice
that comes with it, because the page was opened with an address or a cell of the matrix was.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import streamlit as st

from core.language import Message
from core.metrics.limits import RUNS
from dashboard.address import chosen, page, param
from dashboard.address.param import Address, Param, PartlyError, Problems, as_text, ids
from dashboard.settings.form import SETTINGS

ChoiceKind = Literal["all", "only", "but"]
NONE = "none"  # in the address: no run at all
SORTS = ("run", "validation", "training", "state", "tags")


@dataclass(frozen=True)
class Choice:
    """What is drawn. `kind`: all listed runs, only `ids`, or all but `ids`. `sort` is as in
    `-validation.best`, settings by their dotted names; `zoom` holds the ranges of x and y."""

    kind: ChoiceKind = "all"
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
        kind: ChoiceKind = "all" if self.kind == "but" and not named else self.kind
        focus = self.focus if not ids else ids[0] if len(ids) == 1 else None
        return replace(self, kind=kind, ids=named, focus=focus)


def params(
    known: Container[str] = (), settings: Collection[str] = tuple(SETTINGS)
) -> tuple[Param[Any], ...]:
    """The parameters that say a choice; `known` are the runs that are here."""
    named = ids(known)

    def runs(text: str) -> tuple[str, ...] | None:
        try:
            return () if text == NONE else named(text)
        except PartlyError as error:
            raise PartlyError(error.value or None, error.sentences) from None

    def focus(text: str) -> str | None:
        try:
            return named(text)[0]
        except PartlyError as error:
            raise PartlyError(next(iter(error.value), None), error.sentences) from None

    return (
        Param("compare_runs", None, runs, lambda ids: as_text(ids) or NONE),
        Param("compare_hidden", (), named),
        Param("compare_focus", None, focus),
        Param("compare_step", None, _step),
        Param("compare_zoom", None, _zoom, lambda zoom: ",".join(map(repr, zoom))),
        Param("compare_sort", "", partial(_sort, settings=settings)),
    )


def read(
    query: Address, known: Container[str], settings: Collection[str] = tuple(SETTINGS)
) -> tuple[Choice, Problems]:
    """The choice that an address says, and sentences on the parts that can't be taken."""
    values, problems = param.read(params(known, settings), query)
    runs, hidden, focus, step, zoom, sort = values.values()
    choice = Choice(focus=focus, step=step, zoom=zoom, sort=sort)
    if runs is not None:
        choice = replace(choice, kind="only", ids=runs)
    elif hidden:
        choice = replace(choice, kind="but", ids=hidden)
    return choice, problems


def _step(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(Message("accepted: a step, such as 200"))
    return int(text)


def _zoom(text: str) -> tuple[float, float, float, float]:
    accepted = Message("accepted: four numbers: from and to of x, then of y")
    try:
        a, b, c, d = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(accepted) from None
    if not all(math.isfinite(part) for part in (a, b, c, d)) or a >= b or c >= d:
        raise ValueError(accepted)
    return a, b, c, d


def _sort(text: str, settings: Collection[str]) -> str:
    by = text.removeprefix("-").removesuffix(".best")
    if by and by not in SORTS and by not in settings:
        raise ValueError(Message("accepted: a column's name, such as -validation.best"))
    return text


def write(choice: Choice) -> None:
    """Make the address say a choice; what is as it comes is left out."""
    only, but = choice.kind == "only", choice.kind == "but"
    values = (
        choice.ids if only else None,
        choice.ids if but else (),
        choice.focus,
        choice.step,
        choice.zoom,
        choice.sort,
    )
    for one, value in zip(params(), values, strict=True):
        page.write(one, value)


def kept(choice: Choice, known: Collection[str], problems: Collection[str] = ()) -> Choice:
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
    """A choice as far as its runs still exist."""
    ids = tuple(id for id in choice.ids if id in known)
    if choice.ids and not ids:
        choice = replace(choice, kind="all")
    focus = choice.focus if choice.focus in known else None
    return replace(choice, ids=ids, focus=focus)


def open_runs(ids: Sequence[str], listed: Collection[str]) -> None:
    """Draw these runs alone; a filter that hides one of them goes. For callbacks."""
    choice, _ = read(page.query(), ids)
    write(replace(choice, kind="only", ids=tuple(ids), focus=None))
    if not set(ids) <= set(listed):
        st.session_state["compare_filter"] = ""


def order(choice: Choice) -> dict[str, Any]:
    """The order that the table gets: the same as before, or under a new number what changed without
    it.
    """
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
    page.forgive()
    write(choice)
