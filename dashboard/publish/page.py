"""Runs as one folder: a page with the dashboard's own charts, and beside it all that they draw.

Nothing in it asks anything of the outside: it opens from `file://` and from any static host.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from core.catalogue.entry import Entry
from core.catalogue.index import of_run
from core.evidence.record import training_code
from core.files import write_atomically
from core.jobs import inspections
from core.jobs.inspections import Inspection
from core.language import SOURCE, Message, catalogue, current, t
from core.metrics import limits
from core.palette import COLOURS, Mode, for_browser
from core.runs import Run, RunError
from dashboard.catalogue import run_names
from dashboard.compare import outcomes
from dashboard.publish import answers, packed, snapshots, views
from dashboard.publish.bundle import bundle
from dashboard.publish.fonts import faces
from dashboard.report.page import repeat, titled, versions
from dashboard.report.paper import difference_table, equal_table, trained_table
from dashboard.report.series import groups
from dashboard.ui.templates import render
from dashboard.web import assets, style

AIM = 10 * 2**20  # bytes of a folder, which a phone loads and a free host serves
LEAST_ROOM = 2**20  # bytes for attention, whatever else there is
TEXTS = 24  # answered questions for texts, the newest
ENTRY = assets.PUBLISHED + "page.js"
LISTED = "published.json"  # names the files that belong to the page
SHEETS = ("live", "grids", "compare", "attention", "anatomy", "lab", "publish")
Files = dict[str, str]  # contents by path below the folder


@dataclass(frozen=True)
class Published:
    """What was written: `size` in bytes, and sentences on what stayed at home."""

    folder: Path
    runs: int
    size: int
    left_out: tuple[str, ...]


def publish(
    runs: Sequence[Run], to: Path, title: str = "", aim: int = AIM, now: float | None = None
) -> Published:
    """Write the page about runs into a folder, in the language that is spoken.

    Runs are of the folder that the dashboard shows. `aim` is how many bytes the folder should have
    at most: attention travels at as many steps as it leaves room for. What an earlier page left in
    the folder is replaced; other files stay. Raises RunError for no run or too many, for one that
    can't be read, and for a folder that holds files and is no page's; OSError where it can't write.
    """
    before = _earlier(to)
    files, left_out = content(runs, title, aim, now)
    for path, text in files.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(to / path, text)
    for path in before - files.keys():
        (to / path).unlink(missing_ok=True)
    size = sum(len(text.encode()) for text in files.values())
    return Published(to, len(runs), size, tuple(left_out))


def _earlier(to: Path) -> set[str]:
    """The files of a page that was published here before; none in a new or empty folder."""
    if not to.exists() or not os.listdir(to):
        return set()
    try:
        listed = json.loads((to / LISTED).read_text(encoding="utf-8"))["files"]
        plain = {one for one in listed if isinstance(one, str)}
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(
            Message(
                "{folder} holds files, and no page that was published before; choose a new folder",
                folder=to,
            )
        ) from None
    # Never a file elsewhere, whatever the list says.
    return {p for p in plain if (to / p).resolve().is_relative_to(to.resolve())}


def content(
    runs: Sequence[Run], title: str = "", aim: int = AIM, now: float | None = None
) -> tuple[Files, list[str]]:
    """The files of the page, and sentences on what it leaves out. Raises as :func:`publish`."""
    if not runs:
        raise RunError(Message("a page is about at least one run; choose one"))
    if len(runs) > limits.RUNS:
        raise RunError(
            Message("{n} runs; a page is about {most} at most", n=len(runs), most=limits.RUNS)
        )
    entries = [of_run(run) for run in runs]
    answered = _texts(entries)
    told = views.told(entries, answered)
    files: Files = {"plotly.min.js": assets.plotly().decode(), "page.js": script()}
    table: dict[str, str] = {}

    def put(name: str, path: str, parts: dict[str, str]) -> None:
        table[name] = f"data/{path}.js"
        files[table[name]] = packed.script(name, parts)

    if current() != SOURCE:
        put("words", "words", {current(): packed.as_json(catalogue(current()).forms)})
    for at, entry in enumerate(entries, 1):
        found = answers.of_run(
            entry,
            [*told.metrics, "seconds"],
            told.layered,
            len(entries),
            told.pairs.get(entry.id, ()),
        )
        put(f"run/{entry.id}", f"run-{at}", {"told": packed.as_json(found)})
    if answered:
        put("texts", "texts", {
            f"{entry.id} {one.id}": packed.as_json(answers.of_question(entry.id, one.id))
            for one, entry in answered
        })  # fmt: skip
    room = max(aim - sum(map(len, files.values())) - LEAST_ROOM // 4, LEAST_ROOM)
    kept = snapshots.kept(entries, room)
    for one in kept:
        if one.parts:
            put(f"attention/{one.entry.id}", f"attention-{entries.index(one.entry) + 1}",
                one.content())  # fmt: skip
    names = run_names.everywhere().names
    with_attention = [one.entry for one in kept if one.parts]
    page = {
        "views": told.views,
        "choices": told.choices,
        "attention": views.attention(with_attention, names) if with_attention else None,
    }
    put("page", "page", {"told": packed.as_json(page)})
    said = _left_out(kept)
    files["index.html"] = _page(entries, told, table, kept, title, said, now)
    files[LISTED] = json.dumps({"files": sorted([*files, LISTED])}, indent=1) + "\n"
    return files, said


def _texts(entries: Sequence[Entry]) -> list[tuple[Inspection, Entry]]:
    """The questions for texts that were asked about these runs and answered, the newest."""
    found = []
    for entry in entries:
        folder = entry.run.path / inspections.FOLDER
        for id in sorted(os.listdir(folder)) if folder.is_dir() else ():
            try:
                one = inspections.find(entry.run, id)
                if one.kind == "generate" and one.state == "done":
                    found.append((one.folder.stat().st_mtime, one, entry))
            except (RunError, OSError):
                continue
    newest = sorted(found, key=lambda each: -each[0])[:TEXTS]
    return [(one, entry) for _, one, entry in newest]


def _left_out(kept: Iterable[snapshots.Kept]) -> list[str]:
    """What of the runs' attention stayed at home."""
    some = [one for one in kept if 0 < len(one.parts) < one.of]
    none = [one for one in kept if not one.parts]
    said = []
    if some:
        steps = sum(len(one.parts) for one in some)
        said.append(
            t(
                "Attention travels at {steps} of {all} moments of {n} run, so that the page stays"
                " small.",
                "Attention travels at {steps} of {all} moments of {n} runs, so that the page stays"
                " small.",
                n=len(some),
                steps=steps,
                all=sum(one.of for one in some),
            )
        )
    if none:
        said.append(
            t(
                "The attention of {n} run is too large for this page.",
                "The attention of {n} runs is too large for this page.",
                n=len(none),
            )
        )
    return said


def script() -> str:
    """The front end as one script; the same wherever it is made."""
    sources = {name: text.decode() for name, text in assets.sources().items()}
    return bundle(sources, ENTRY)


def _sheet(name: str) -> str:
    return (assets.FRONTEND / "css" / f"{name}.css").read_text(encoding="utf-8")


def css() -> Markup:
    """The palette in both modes, what Streamlit's theme gives to views, and the sheets."""
    fonts = (
        '--sans:"Source Sans 3","Source Sans Pro","Source Sans","Segoe UI",system-ui,sans-serif;'
        '--mono:"Source Code Pro",ui-monospace,Menlo,Consolas,monospace;'
        "--st-font:var(--sans);--st-code-font:var(--mono);"
        "--st-text-color:var(--ink);--st-border-color:var(--line);"
    )

    def mode(name: Mode) -> str:
        ground = COLOURS[name]["ground"]
        return f":root{{{style.variables(name)}--st-background-color:{ground};}}"

    sheets = "".join(map(_sheet, SHEETS))
    paper = f".paper{{{_sheet('report')}}}"
    return Markup(
        f"{faces()}:root{{color-scheme:light dark;{fonts}}}{mode('light')}"
        f"@media (prefers-color-scheme:dark){{{mode('dark')}}}{paper}{sheets}"
    )


def _page(
    entries: Sequence[Entry], told: views.Told, table: Mapping[str, str],
    kept: Sequence[snapshots.Kept], title: str, left_out: Sequence[str], now: float | None,
) -> str:  # fmt: skip
    lines = groups([entry.run for entry in entries])
    names = run_names.everywhere().names
    data = {
        "files": table,
        "palette": for_browser(),
        "plotly": "plotly.min.js",
        "missing": t("The page was published without this."),
    }
    # In a script no text may end it, whatever it is.
    inside = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    code = t(
        "the code that trains, as it was when this page was written: {sha}", sha=training_code()
    )
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(now))
    html = render(
        "publish/page",
        title=title.strip() or titled([names.get(e.id, e.name) for e in entries]),
        css=css(),
        count=t("{n} run", "{n} runs", n=len(entries)),
        several=len(entries) > 1,
        when=when,
        live=sum(entry.alive for entry in entries),
        views=told.views,
        texts=[key for key in told.views if key.startswith("text_")],
        attention=any(one.parts for one in kept),
        verdicts=outcomes.verdicts(entries, {}, names),
        left_out=left_out,
        trained=trained_table(lines, 1),
        differences=difference_table(lines, 2) if len(lines) > 1 else "",
        equal=equal_table(lines),
        repeat=repeat(lines, [code], paths=False),
        versions=versions(),
        data=Markup(inside),
    )
    return f"{html}\n"


def size_said(size: int, runs: int) -> str:
    """How large a folder is, and what would make it smaller where it is larger than the aim."""
    said = t("{n} run, {size:.1f} MB", "{n} runs, {size:.1f} MB", n=runs, size=size / 2**20)
    if size <= AIM:
        return said
    return t("{size}; fewer runs make it smaller", size=said)


def as_values(found: Published) -> dict[str, Any]:
    """For programs."""
    return {
        "to": str(found.folder),
        "runs": found.runs,
        "bytes": found.size,
        "left_out": list(found.left_out),
    }
