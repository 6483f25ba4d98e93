"""A report on some runs: one HTML file that opens anywhere, offline, and prints."""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from core.catalogue.compare import command
from core.metrics.names import unit_of
from core.runs import Run, RunStore
from core.verdicts.labels import VERDICT_LABELS
from dashboard.figures.curves import Line, curves
from dashboard.report.paper import (
    difference_table,
    dot,
    equal_table,
    folded,
    matrix,
    matrix_table,
    trained_table,
    verdict_list,
)
from dashboard.report.series import BANDED, Group, groups, lines, profiles
from dashboard.ui.palette import COLOURS, Mode
from dashboard.ui.units import unit_name
from dashboard.web import assets

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DIGITS = 5  # of a number in a chart
# What a trace has besides its points, which are the same in light and dark.
POINTS = ("x", "y", "text", "hovertemplate")


def report(
    store: RunStore,
    runs: Sequence[Run | str],
    title: str = "",
    hypothesis: str = "",
    conclusions: str = "",
    labels: Mapping[str, str] | None = None,
    now: float | None = None,
) -> str:
    """The report on runs (or their ids) as HTML, with its charts and plotly.js inside.

    `labels` names the group of a run by its id; runs of one group are drawn as their mean and
    band. By default runs that differ in nothing but the seed are a group. Raises ValueError when
    there is no run, RunError when one's settings can't be read.
    """
    if not runs:
        raise ValueError("a report is about at least one run; tick one in the table")
    found = groups([store.open(run) if isinstance(run, str) else run for run in runs], labels)
    parts = _Parts(found)
    body = "".join(parts.sections(hypothesis, conclusions))
    title = title.strip() or _title(found)
    when = time.strftime("%d %B %Y, %H:%M", time.localtime(now)).lstrip("0")
    count = f"{len(runs)} run{'s' * (len(runs) != 1)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:\">"
        f"<title>{escape(title)}</title><style>{_css()}</style></head><body>"
        '<p class="lab"><span class="add">Add</span> &amp; <span class="norm">Norm</span> Lab</p>'
        f"<h1>{escape(title)}</h1>"
        f'<p class="byline">{count} · {escape(when)}</p>{body}'
        f"<footer>Made by Add &amp; Norm Lab. {escape(_versions())}</footer>"
        f"{parts.scripts()}</body></html>\n"
    )


def _title(found: Sequence[Group]) -> str:
    names = [group.name for group in found]
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} others"


class _Parts:
    """Sections, with their numbers, and the figures that they show."""

    def __init__(self, found: Sequence[Group]) -> None:
        self.groups = found
        self.figures: dict[str, Any] = {}
        self._section = self._table = 0
        self.per = unit_name([run for group in found for run in group.runs])
        self.unit = unit_of("loss/train", self.per)

    def sections(self, hypothesis: str, conclusions: str) -> list[str]:
        grid = matrix(self.groups)
        return [
            _abstract("Hypothesis", hypothesis, ""),
            self._head("What was trained"),
            trained_table(self.groups, self._next_table()),
            difference_table(self.groups, self._next_table()) if len(self.groups) > 1 else "",
            equal_table(self.groups),
            self._head("Results"),
            f"<p>{escape(_outcome(self.groups))}</p>",
            matrix_table(grid, self._next_table()) if grid else "",
            *self._charts(),
            self._head("What became of " + ("them" if len(self.groups) > 1 else "it")),
            verdict_list(self.groups),
            _abstract("Conclusions", conclusions, " end"),
            self._head("How to repeat it"),
            _data(self.groups),
            _commands(self.groups),
        ]

    def _head(self, words: str) -> str:
        self._section += 1
        return f'<h2><span class="number">{self._section}</span>{escape(words)}</h2>'

    def _next_table(self) -> int:
        self._table += 1
        return self._table

    # Charts

    def _charts(self) -> list[str]:
        several = any(len(group.runs) > 1 for group in self.groups)
        band = " and, as a band, the range" if len(self.groups) <= BANDED else ""
        every = f"; of each setting the mean{band} of its seeds" if several else ""
        reference = self._reference()
        level = f" Dotted: {reference[1]}." if reference else ""
        loss = lines(self.groups, "loss/train")
        shown = _loss_range(loss, reference)
        cut = " What diverges leaves the picture upwards; a cross marks where it ended."
        cut = cut if any(line.end for line in loss) else ""
        training = self._chart(
            "training-loss", loss, "Training loss",
            f"{self.unit}{every}.{level}{cut}", "step", self.unit,
            reference=reference, y_range=shown,
        )  # fmt: skip
        validation = lines(self.groups, "loss/validation")
        validated = self._chart(
            "validation-loss", validation, "Validation loss",
            f"{self.unit}, on text or images that are not trained on.", "step", self.unit,
            reference=reference, y_range=_loss_range(validation, reference), markers=True,
        )  # fmt: skip
        total = self._chart(
            "gradient-norm", lines(self.groups, "grad_norm/total"), "Gradient norm",
            "Of all parameters together, before clipping; logarithmic.", "step",
            "gradient norm", log_y=True,
        )  # fmt: skip
        by_layer = self._chart(
            "gradient-profile", profiles(self.groups, "grad_norm/block"), "Gradient by layer",
            "Norm of each layer's gradient at the end, the mean of the last steps.", "layer",
            "gradient norm", log_y=True, markers=True, height=330,
        )  # fmt: skip
        stream = self._chart(
            "stream-profile", profiles(self.groups, "activation/rms/resid_post"),
            "Residual stream by layer", "Root mean square of what leaves each layer at the end.",
            "layer", "RMS", markers=True, height=330,
        )  # fmt: skip
        pair = f'<div class="pair">{by_layer}{stream}</div>' if by_layer and stream else ""
        drawn = [training, validated, total, pair or by_layer + stream]
        if not any(drawn):
            return ['<p class="note">None of these runs has measured anything yet.</p>']
        return drawn

    def _reference(self) -> tuple[float, str] | None:
        """The loss of a network that ignores its input, where it is one for all runs."""
        known = {
            round(one.verdict.entropy, 3)
            for group in self.groups
            for one in group.digests
            if one.verdict.entropy is not None
        }
        if len(known) != 1:
            return None
        name = "class frequencies alone" if self.per == "image" else "letter frequencies alone"
        level = known.pop()
        return level, f"{name}, {level:.3f}"

    def _chart(
        self,
        id: str,
        drawn: Sequence[Line],
        words: str,
        caption: str,
        x_title: str,
        y_title: str,
        **options: Any,
    ) -> str:
        """A figure with its place, number and caption; nothing where there is nothing to draw."""
        if not drawn:
            return ""
        both: dict[Mode, Figure] = {
            mode: curves(drawn, x_title, y_title, mode, **options) for mode in ("light", "dark")
        }
        self.figures[f"chart-{id}"] = _figure(both)
        missing = len(self.groups) - len(drawn)
        absent = f" {missing} of {len(self.groups)} lines have none." if missing else ""
        return (
            f'<figure class="figure"><div class="chart" id="chart-{id}" role="img"'
            f' aria-label="{escape(words)}"></div><figcaption><b>Figure {len(self.figures)}.'
            f" {escape(words)}.</b> {escape(caption[:1].upper() + caption[1:])}{absent}"
            "</figcaption></figure>"
        )

    def scripts(self) -> str:
        """plotly.js, the figures and what draws them; nothing where there are no figures."""
        if not self.figures:
            return ""
        # In a script no text may end it, whatever it is.
        data = json.dumps(self.figures, allow_nan=False, separators=(",", ":"))
        data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028")
        code = assets.text("report.js")
        return (
            f"<script>{assets.plotly().decode()}</script>"
            f'<script type="application/json" id="figures">{data}</script>'
            f"<script>{code}</script>"
        )


def _figure(both: Mapping[Mode, Figure]) -> dict[str, Any]:
    """Points once, and for each mode the traces' styles and the layout."""
    result: dict[str, Any] = {
        "data": [
            {name: _numbers(trace[name]) for name in POINTS if trace[name] is not None}
            for trace in both["light"].data
        ]
    }
    for mode, figure in both.items():
        plain = figure.to_dict()
        styles = [{n: v for n, v in t.items() if n not in POINTS} for t in plain["data"]]
        layout = {n: v for n, v in plain["layout"].items() if n != "template"}
        result[mode] = {"styles": styles, "layout": layout}
    return result


def _numbers(values: Any) -> Any:
    """Points as JSON, as short as the eye allows; what is no number leaves a gap."""
    if isinstance(values, str):
        return values
    return [_short(value) for value in values]


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        return None
    if number == int(number) and abs(number) < 1e15:
        return int(number)
    return float(f"{number:.{DIGITS}g}")


def _loss_range(
    drawn: Sequence[Line], reference: tuple[float, str] | None
) -> tuple[float, float] | None:
    """Where losses start and end; a run that diverges does not flatten the others."""
    if not drawn:
        return None
    lowest = min(float((line.y if line.low is None else line.low).min()) for line in drawn)
    highest = max(float(line.y[0]) for line in drawn)
    if reference is not None:
        highest, lowest = max(highest, reference[0]), min(lowest, reference[0])
    return (lowest, highest) if highest > lowest else None


# Words


def _abstract(head: str, text: str, kind: str) -> str:
    text = text.strip()
    if not text:
        return ""
    return f'<div class="abstract{kind}"><b>{head}</b><p>{escape(text)}</p></div>'


def _outcome(found: Sequence[Group]) -> str:
    kinds = Counter(one.verdict.kind for group in found for one in group.digests)
    total = sum(kinds.values())
    parts = [f"{kinds[kind]} {label.past}" for kind, label in VERDICT_LABELS.items() if kinds[kind]]
    of = "The run" if total == 1 else f"Of {total} runs"
    if total == 1:
        return f"{of} {parts[0].partition(' ')[2]}."
    return f"{of} {', '.join(parts[:-1])} and {parts[-1]}." if len(parts) > 1 else (
        f"All {total} runs {parts[0].partition(' ')[2]}."
    )  # fmt: skip


def _data(found: Sequence[Group]) -> str:
    """What was read, by hash, on what devices and from which seeds."""
    runs = [run for group in found for run in group.runs]
    corpora = {str(run.corpus.get("sha256")): run.corpus for run in runs if run.corpus}
    rows = [
        f"{corpus.get('corpus')}: {corpus.get('length', 0):,} {corpus.get('unit', 'character')}s,"
        f" vocabulary {corpus.get('vocabulary')}, SHA-256 {sha}"
        for sha, corpus in corpora.items()
    ]
    seeds = sorted({run.config.training.seed for run in runs})
    devices = sorted({run.record.device for run in runs} - {""})
    words = [
        *rows,
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds[:20]))}"
        + (", …" if len(seeds) > 20 else ""),
        *([f"trained on {' and '.join(devices)}"] if devices else []),
    ]
    items = "".join(f"<li>{escape(one)}</li>" for one in words)
    return f'<ul class="data">{items}</ul>'


def _commands(found: Sequence[Group]) -> str:
    rows = [
        f'<p class="command">{dot(group)}{escape(group.name)}'
        + (f", once for each of {len(group.runs)} seeds" if len(group.runs) > 1 else "")
        + f"</p><pre>{escape(command(group.runs[0].config))}</pre>"
        for group in found
    ]
    return folded(rows, "<div class='commands'>{}</div>", "settings")


def _versions() -> str:
    """What is installed here; none of it is imported for this."""
    known = []
    for name in ("torch", "numpy", "pyarrow", "plotly"):
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return (
        f"Python {platform.python_version()}, {', '.join(known)}; written on {platform.system()}."
    )


@cache
def _css() -> str:
    """The palette as variables in both modes, and the report's own rules."""

    def variables(mode: Mode) -> str:
        return "".join(f"--{n.replace('_', '-')}:{v};" for n, v in COLOURS[mode].items())

    fonts = (
        '--sans:"Source Sans 3","Source Sans Pro","Source Sans","Segoe UI",system-ui,sans-serif;'
        '--mono:"Source Code Pro",ui-monospace,Menlo,Consolas,monospace;'
    )
    own = assets.text("css/report.css")
    return (
        f":root{{color-scheme:light dark;{fonts}{variables('light')}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables('dark')}}}}}"
        f"@media print{{:root{{color-scheme:light}}}}{own}"
    )
