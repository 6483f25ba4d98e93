"""What `python -m streamlit run dashboard/app.py` serves: the script, the routes, the guards."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

# Streamlit puts this folder on the path, not the one above it that holds `core` and `dashboard`.
ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from core.runs import read_only  # noqa: E402
from dashboard.api import MIDDLEWARE, ROUTES  # noqa: E402
from dashboard.catalogue import ahead  # noqa: E402
from dashboard.live.feed import store  # noqa: E402
from dashboard.ui import cards, language  # noqa: E402, F401, language: so that it is asked
from dashboard.web.lifespan import lifespan  # noqa: E402

if read_only.is_read_only():
    read_only.guard(store().root)


@asynccontextmanager
async def life(app: Any) -> AsyncIterator[None]:
    """The server's life; what lists show of the runs is read meanwhile."""
    ahead.begin()
    async with lifespan(app):
        yield


app = st.App(
    ROOT / "dashboard" / "main.py",
    routes=ROUTES,
    middleware=MIDDLEWARE,
    on_script_error=cards.failed,
    lifespan=life,
)
