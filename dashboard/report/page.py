"""A report on some runs: one HTML file that opens anywhere, offline, and prints."""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from core.config import RunConfig
from core.config.command import command
from core.metrics.names import unit_of
from core.runs import Run, RunStore
from core.verdicts.labels import VERDICT_LABELS
from dashboard.figures.curves import Line, curves
from dashboard.report.paper import (
    difference_table,
    equal_table,
    matrix,
    matrix_table,
    trained_table,
    verdict_list,
)
from dashboard.report.series import BANDED, Group, groups, lines, profiles
from dashboard.ui.palette import Mode
from dashboard.ui.templates import render
from dashboard.ui.units import unit_name
from dashboard.web import assets, style

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
    charts = parts.charts()
    grid = matrix(found)
    tables = count(1)
    when = time.strftime("%d %B %Y, %H:%M", time.localtime(now)).lstrip("0")
    html = render(
        "report/page",
        title=title.strip() or _title(found),
        css=_css(),
        count=f"{len(runs)} run{'s' * (len(runs) != 1)}",
        when=when,
        several=len(found) > 1,
        hypothesis=hypothesis.strip(),
        conclusions=conclusions.strip(),
        trained=trained_table(found, next(tables)),
        differences=difference_table(found, next(tables)) if len(found) > 1 else "",
        equal=equal_table(found),
        outcome=_outcome(found),
        matrix=matrix_table(grid, next(tables)) if grid else "",
        charts=charts,
        verdicts=verdict_list(found),
        repeat=render("report/repeat", facts=_facts(found), commands=_commands(found)),
        versions=_versions(),
        figures=parts.data(),
        # As they are: what is a script of ours is not escaped.
        plotly=Markup(assets.plotly().decode()),
        code=Markup(assets.text("report.js")),
    )
    return f"{html}\n"


def _title(found: Sequence[Group]) -> str:
    names = [group.name for group in found]
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} others"


class _Parts:
    """The charts, and the figures that they show."""

    def __init__(self, found: Sequence[Group]) -> None:
        self.groups = found
        self.figures: dict[str, Any] = {}
        self.per = unit_name([run.run for group in found for run in group.runs])
        self.unit = unit_of("loss/train", self.per)

    def charts(self) -> list[Markup]:
        """Each with its caption; two by depth stand side by side."""
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
        depth = by_layer + stream
        if by_layer and stream:
            depth = Markup('<div class="pair">{}</div>').format(depth)
        return [chart for chart in (training, validated, total, depth) if chart]

    def _reference(self) -> tuple[float, str] | None:
        """The loss of a network that ignores its input, where it is one for all runs."""
        known = {
            round(one.verdict.entropy, 3)
            for group in self.groups
            for one in group.summaries
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
    ) -> Markup:
        """A figure with its place, number and caption; nothing where there is nothing to draw."""
        if not drawn:
            return Markup()
        both: dict[Mode, Figure] = {
            mode: curves(drawn, x_title, y_title, mode, **options) for mode in ("light", "dark")
        }
        self.figures[f"chart-{id}"] = _figure(both)
        missing = len(self.groups) - len(drawn)
        absent = f" {missing} of {len(self.groups)} lines have none." if missing else ""
        return render(
            "report/figure",
            id=id,
            number=len(self.figures),
            words=words,
            caption=caption[:1].upper() + caption[1:],
            absent=absent,
        )

    def data(self) -> Markup:
        """The figures as JSON in a script; nothing where there are none."""
        if not self.figures:
            return Markup()
        # In a script no text may end it, whatever it is.
        data = json.dumps(self.figures, allow_nan=False, separators=(",", ":"))
        return Markup(data.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


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
    """Points as JSON, rounded to what the eye can see; a value that is not finite leaves a gap."""
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


def _outcome(found: Sequence[Group]) -> str:
    kinds = Counter(one.verdict.kind for group in found for one in group.summaries)
    total = sum(kinds.values())
    parts = [f"{kinds[kind]} {label.past}" for kind, label in VERDICT_LABELS.items() if kinds[kind]]
    of = "The run" if total == 1 else f"Of {total} runs"
    if total == 1:
        return f"{of} {parts[0].partition(' ')[2]}."
    return f"{of} {', '.join(parts[:-1])} and {parts[-1]}." if len(parts) > 1 else (
        f"All {total} runs {parts[0].partition(' ')[2]}."
    )  # fmt: skip


def _facts(found: Sequence[Group]) -> list[str]:
    """What was read, by hash, on what devices and from which seeds."""
    runs = [entry.run for group in found for entry in group.runs]
    corpora = {str(run.corpus.get("sha256")): run.corpus for run in runs if run.corpus}
    rows = [
        f"{corpus.get('corpus')}: {corpus.get('length', 0):,} {corpus.get('unit', 'character')}s,"
        f" vocabulary {corpus.get('vocabulary')}, SHA-256 {sha}"
        for sha, corpus in corpora.items()
    ]
    seeds = sorted({run.config.training.seed for run in runs})
    devices = sorted({run.record.device for run in runs} - {""})
    return [
        *rows,
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds[:20]))}"
        + (", …" if len(seeds) > 20 else ""),
        *([f"trained on {' and '.join(devices)}"] if devices else []),
    ]


def _as_trained(run: Run) -> RunConfig:
    """Its settings with every switch, those by hand too, so that the command repeats them; what was
    turned by hand before a fork is in its checkpoint.
    """
    scheduled, first = run.config.training.switches, run.first_step
    switches = tuple(one for one in run.switches if one.step >= first or one in scheduled)
    training = run.config.training.model_copy(update={"switches": switches})
    return run.config.model_copy(update={"training": training})


def _commands(found: Sequence[Group]) -> list[tuple[Group, str]]:
    """What trains each line's first run anew."""
    return [(group, command(_as_trained(group.runs[0].run), group.runs[0].fork)) for group in found]


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
def _css() -> Markup:
    """The palette as variables in both modes, and the report's own rules."""

    fonts = (
        '--sans:"Source Sans 3","Source Sans Pro","Source Sans","Segoe UI",system-ui,sans-serif;'
        '--mono:"Source Code Pro",ui-monospace,Menlo,Consolas,monospace;'
    )
    own = assets.text("css/report.css")
    return Markup(
        f":root{{color-scheme:light dark;{fonts}{style.variables('light')}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{style.variables('dark')}}}}}"
        f"@media print{{:root{{color-scheme:light}}}}{own}"
    )
