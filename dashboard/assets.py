"""The browser's files, served once under names that change with their content."""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from core.runs import labels

SOURCES = Path(__file__).parent / "components" / "js"
# In this order they make one module; each is a view or what the views share.
PARTS = (
    "tools.js",
    "hub.js",
    "chart.js",
    "export.js",
    "means.js",
    "details.js",
    "marks.js",
    "cursor.js",
    "courses.js",
    "curves.js",
    "difference.js",
    "profile.js",
    "lines.js",
    "map.js",
    "attention.js",
    "head.js",
    "attention_data.js",
    "panel.js",
    "heads_grid.js",
    "head_matrix.js",
    "head_lines.js",
    "head_large.js",
    "head_cards.js",
    "scrubber.js",
    "attention_source.js",
    "attention_page.js",
    "text.js",
    "rows.js",
    "line.js",
    "ticks.js",
    "table.js",
    "matrix.js",
    "figure.js",
    "inspection.js",
    "tokens.js",
    "lens.js",
    "operate.js",
    "mount.js",
)


@cache
def hub() -> bytes:
    """The live views' module."""
    return b"\n".join((data(), *((SOURCES / part).read_bytes() for part in PARTS)))


def data() -> bytes:
    """What the module is told of Python's tables before its first part: LABELS."""
    return f"const LABELS = {json.dumps(labels.for_browser(), ensure_ascii=False)}\n".encode()


@cache
def plotly() -> bytes:
    """plotly.js as the installed package ships it."""
    return files("plotly").joinpath("package_data/plotly.min.js").read_bytes()


def hub_url() -> str:
    """Where the browser finds the module."""
    return f"/api/assets/hub-{hashlib.sha256(hub()).hexdigest()[:12]}.js"


def plotly_url() -> str:
    """Where the browser finds plotly.js."""
    import plotly as package

    return f"/api/assets/plotly-{package.__version__}.js"


@cache
def compressed(path: str) -> bytes | None:
    """The gzipped content of an address given out above; None for any other."""
    for url, content, level in ((hub_url(), hub, 9), (plotly_url(), plotly, 6)):
        if path == url:
            return gzip.compress(content(), level)
    return None
