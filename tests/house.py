"""The rooms of the project as CONTRIBUTING.md draws them: `python -m tests.house` draws it anew.

Rows from top to bottom; a box imports only boxes of rows below its own, which `test_house.py` holds
to the sources.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import NamedTuple

PICTURE = Path(__file__).resolve().parents[1] / "assets" / "house.svg"


class Box(NamedTuple):
    """Rooms that are drawn as one, with a few words on them; `title` where not all are named."""

    rooms: str
    note: str
    title: str = ""


ROWS: dict[str, tuple[tuple[Box, ...], ...]] = {
    "dashboard": (
        (Box("app_pages app main __main__", "one script a page", "app_pages"),),
        (Box("publish", "runs as a folder of their own, which opens without a server"),),
        (
            Box(
                "lab learn compare attention anatomy evidence runs glossary",
                "what pages are made of",
            ),
        ),
        (
            Box("components", "what a view is told"),
            Box("api", "routes"),
            Box("launch", "starting runs"),
            Box("notice", "what is to be seen"),
            Box("report", "one HTML file"),
        ),
        (
            Box("catalogue settings address", "names, widgets, the page's address"),
            Box("figures", "pictures"),
            Box("web", "who gets in, files"),
        ),
        (
            Box("ui", "cards, colours"),
            Box("live", "what grows"),
            Box("frontend", "views in the browser"),
        ),
    ),
    "core": (
        (Box("cli __main__", "python -m core", "cli"),),
        (Box("programs", "notebooks, agents"), Box("bench", "how fast training is")),
        (Box("jobs", "queue, workers"), Box("lessons", "what runs have shown")),
        (Box("evidence", "claims, checked"),),
        (
            Box("anatomy", "a checkpoint, opened"),
            Box("pretrained", "real models, in and out"),
            Box("transfer", "tables, zips"),
        ),
        (
            Box("training", "loop and hooks"),
            Box("record", "other people's loops"),
            Box("catalogue", "runs as listed"),
        ),
        (
            Box("probes", "measured while training"),
            Box("durations", "how long it takes"),
            Box("trackers", "to other programs, live"),
        ),
        (Box("verdicts", "is it learning, why"), Box("models", "one equation")),
        (Box("runs", "a run's directory"), Box("data", "texts, images")),
        (
            Box("fitting", "what fits into memory"),
            Box("grids", "every combination"),
            Box("plots", "figures"),
            Box("heads", "attention patterns"),
        ),
        (
            Box("metrics", "written, read, thinned"),
            Box("estimate estimate_resnet", "size, memory", "estimate"),
            Box("presets", "by name"),
            Box("glossary", "the words"),
        ),
        (Box("config", "every setting once"),),
        (
            Box(
                "files cache marker_queue machine memory palette shown",
                "the ground",
                "files · cache · queue · machine · memory · palette · shown",
            ),
        ),
        (Box("language resources", "what people read, in their language"),),
    ),
}
LEFT, RIGHT, TOP, HEIGHT, GAP, STEP = 110, 744, 16, 52, 12, 66
STYLE = (
    "rect{stroke-width:1.5}.dash{fill:#fdf3e0;stroke:#c57600}.core{fill:#e3f3ef;stroke:#00856a}"
    ".name{font-size:14px;font-weight:600;text-anchor:middle;fill:#1d2136}"
    ".note{font-size:12px;text-anchor:middle;fill:#565a6c}"
    ".room{font-size:14px;font-weight:700;fill:#6b6f80}"
    ".arrow{fill:none;stroke:#9a9db0;stroke-width:1.5}.line{stroke:#9a9db0;stroke-dasharray:4 4}"
    "@media (prefers-color-scheme:dark){.room{fill:#9a9db0}}"
)


def svg() -> str:
    """The picture."""
    shapes, y = [], TOP
    for top, rows in ROWS.items():
        if y > TOP:
            shapes.append(f'<line x1="16" x2="{RIGHT}" y1="{y - 7}" y2="{y - 7}" class="line"/>')
        shapes.append(f'<text x="16" y="{y + 31}" class="room">{top}</text>')
        for at, row in enumerate(rows):
            if at:
                shapes.append(f'<path d="M427 {y - 13}v9m-4 -4l4 4l4 -4" class="arrow"/>')
            shapes += _row(row, y, top[:4])
            y += STEP
    size = f'viewBox="0 0 760 {y + 2}" width="760" height="{y + 2}"'
    label = "The rooms of the project; each row imports only rows below it"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" role="img"'
    return "\n".join(
        [f'{head} aria-label="{label}">', f"<style>{STYLE}</style>", *shapes, "</svg>\n"]
    )


def _row(row: tuple[Box, ...], y: int, kind: str) -> list[str]:
    width = (RIGHT - LEFT - GAP * (len(row) - 1)) / len(row)
    shapes = []
    for at, box in enumerate(row):
        x = LEFT + at * (width + GAP)
        middle = round(x + width / 2)
        title = escape(box.title or " · ".join(box.rooms.split()))
        shapes.append(
            f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}" rx="9"'
            f' class="{kind}"/><text x="{middle}" y="{y + 22}" class="name">{title}</text>'
            f'<text x="{middle}" y="{y + 40}" class="note">{escape(box.note)}</text>'
        )
    return shapes


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
