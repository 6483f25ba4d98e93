"""Style sheets, with the palette's colours as variables."""

from __future__ import annotations

from functools import cache

from core.palette import COLOURS, Mode
from dashboard.web import assets

# Sheets of files that leave the dashboard, and of the live parts, which bring theirs.
APART = ("report.css", "live.css", "publish.css")
STREAMLIT = "streamlit.css"  # read first: the pages' own sheets overrule it


def variables(mode: Mode | None = None) -> str:
    """The palette as CSS variables; of both modes with ``light-dark()``, which follows the colour
    scheme that Streamlit sets, without a rerun."""
    light, dark = COLOURS["light"], COLOURS["dark"]
    values = COLOURS[mode] if mode else {n: f"light-dark({light[n]},{dark[n]})" for n in light}
    return "".join(f"--{name.replace('_', '-')}:{value};" for name, value in values.items())


@cache
def of_pages() -> str:
    """The palette, and the style sheets in `frontend/css` that are for pages."""
    paths = sorted(
        (assets.FRONTEND / "css").glob("*.css"), key=lambda p: (p.name != STREAMLIT, p.name)
    )
    sheets = "".join(p.read_text(encoding="utf-8") for p in paths if p.name not in APART)
    return f"<style>:root{{{variables()}}}{sheets}</style>"
