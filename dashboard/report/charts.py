"""The charts of a report: figures with captions, and their points once for light and dark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from core.catalogue.comparable import in_bits, is_mixed
from core.config.units import corpus_unit
from core.language import Message, joined, mark, t
from core.metrics.derived import BITS_PER_BYTE
from core.metrics.names import unit_of
from core.palette import Mode
from core.plots.curves import Line, curves
from dashboard.report.series import BANDED, Group, lines, profiles
from dashboard.ui.templates import render
from dashboard.ui.units import nats

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

OF_HELD_OUT = mark("By the bytes of a token of the held-out text, as tokens differ.")
DIGITS = 5  # of a number in a chart
# What a trace has besides its points, which are the same in light and dark.
POINTS = ("x", "y", "text", "hovertemplate")


class Charts:
    """The charts, and the figures that they show."""

    def __init__(self, found: Sequence[Group]) -> None:
        self.groups = found
        self.figures: dict[str, Any] = {}
        self.runs = [run for group in found for run in group.runs]
        self.in_bits = in_bits(self.runs)
        own = nats([run.run for run in self.runs])
        self.unit = unit_of(BITS_PER_BYTE) if self.in_bits else own

    def drawn(self) -> list[Markup]:
        """Each with its caption; two by depth stand side by side."""
        reference = self._reference()
        loss = lines(self.groups, "loss/train", self.in_bits)
        shown = _loss_range(loss, reference)
        said = [
            t("{unit}{every}.", unit=t(self.unit), every=self._every()),
            t(OF_HELD_OUT) if self.in_bits else "",
            t("Dotted: {level}.", level=reference[1]) if reference else "",
            t("What diverges leaves the picture upwards; a cross marks where it ended.")
            if any(line.end for line in loss)
            else "",
        ]
        step, gradient = t("step"), t("gradient norm")
        unit = t(self.unit)
        training = self._chart(
            "training-loss", loss, t("Training loss"), _after(said), step, unit,
            reference=reference, y_range=shown,
        )  # fmt: skip
        validation = lines(self.groups, "loss/validation", self.in_bits)
        validated = self._chart(
            "validation-loss", validation, t("Validation loss"),
            t("{unit}, on text or images that are not trained on.", unit=unit), step, unit,
            reference=reference, y_range=_loss_range(validation, reference), markers=True,
        )  # fmt: skip
        total = self._chart(
            "gradient-norm", lines(self.groups, "grad_norm/total"), t("Gradient norm"),
            t("Of all parameters together, before clipping; logarithmic."), step,
            gradient, log_y=True,
        )  # fmt: skip
        by_layer = self._chart(
            "gradient-profile", profiles(self.groups, "grad_norm/block"), t("Gradient by layer"),
            t("Norm of each layer's gradient at the end, the mean of the last steps."), t("layer"),
            gradient, log_y=True, markers=True, height=330,
        )  # fmt: skip
        stream = self._chart(
            "stream-profile", profiles(self.groups, "activation/rms/resid_post"),
            t("Residual stream by layer"),
            t("Root mean square of what leaves each layer at the end."), t("layer"), t("RMS"),
            markers=True, height=330,
        )  # fmt: skip
        depth = by_layer + stream
        if by_layer and stream:
            depth = Markup('<div class="pair">{}</div>').format(depth)
        return [chart for chart in (training, validated, total, depth) if chart]

    def _every(self) -> str:
        """What a line stands for where several runs make one."""
        if not any(len(group.runs) > 1 for group in self.groups):
            return ""
        if len(self.groups) <= BANDED:
            return t("; of each setting the mean and, as a band, the range of its seeds")
        return t("; of each setting the mean of its seeds")

    def _reference(self) -> tuple[float, str] | None:
        """The loss of a network that ignores its input, where it is one for all runs."""
        if is_mixed(self.runs):
            return None
        known = {
            round(one.verdict.entropy, 3)
            for group in self.groups
            for one in group.summaries
            if one.verdict.entropy is not None
        }
        if len(known) != 1:
            return None
        level = known.pop()
        words = corpus_unit(self.groups[0].runs[0].run.corpus)
        said = Message("{frequencies} alone, {loss:.3f}", frequencies=words.frequencies, loss=level)
        return level, t(said)

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
        absent = (
            t("{n} of {all} lines have none.", n=missing, all=len(self.groups)) if missing else ""
        )
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


def _after(said: Sequence[str]) -> str:
    """Sentences one after the other, those that are empty left out."""
    return t(joined(map(Message, filter(None, said)), " "))


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
