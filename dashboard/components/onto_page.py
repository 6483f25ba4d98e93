"""The one way in which a live view gets onto a page, from any room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import streamlit as st

from core import palette
from core.language import t
from dashboard.web import assets

# Not isolated: plotly.js puts its rules into the document, a shadow root would not see them.
_LIVE = st.components.v2.component(
    "addnorm_live",
    js=assets.text("loader.js"),
    css=assets.text("css/live.css"),
    isolate_styles=False,
)


# Where views are told to, instead of a page: by key what each would get. None: onto the page.
_COLLECTED: ContextVar[dict[str, dict[str, Any]] | None] = ContextVar("collected", default=None)


@contextmanager
def collected() -> Iterator[dict[str, dict[str, Any]]]:
    """What the views that are mounted within the block are told, by key; none comes onto a page."""
    found: dict[str, dict[str, Any]] = {}
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)


class Unheard:
    """The result of a view that is on no page: nothing was ever triggered."""

    def __getattr__(self, name: str) -> None:
        return None


def nothing() -> None:
    """Asks Streamlit for the trigger's attribute on the result."""


def mount(
    view: str, key: str, height: int | None, data: Mapping[str, Any], **callbacks: Any
) -> Any:
    """Mount a view of `frontend/src/mount.js` with its data, in a card of `height` pixels.

    `callbacks` are called when the view triggers them (`on_edit_change`). The result has an
    attribute for each trigger, `state` among them.

    The data travel in a list, which `loader.js` unpacks: of whatever an object holds Streamlit asks
    whether it is a table, and imports pandas to do so, a third of a second and 40 MB of the first
    visit.
    """
    if (found := _COLLECTED.get()) is not None:
        found[key] = {"view": view, "height": height, **data}
        return Unheard()
    whole = {
        "view": view,
        "hub": assets.hub_url(),
        "plotly": assets.plotly_url(),
        "palette": palette.for_browser(),
        "height": height,
        "failed": t("This part could not be loaded. Reload the page."),
        **data,
    }
    return _LIVE(
        key=key,
        data=[whole],
        height=height or "content",
        **{"on_state_change": nothing, **callbacks},
    )
