"""What the live views of a published page are told, and the choices that stand beside them.

Everything is made by the functions that the dashboard's own pages use, in the language that is
spoken. A choice has options, each with what it changes in what its views are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.catalogue import comparable
from core.catalogue.entry import Entry
from core.config.describe import short_title
from core.jobs.inspections import Inspection
from core.language import t
from core.metrics.derived import BITS_PER_BYTE
from core.metrics.names import title_of
from dashboard import components
from dashboard.attention import choices
from dashboard.catalogue import run_names
from dashboard.compare import groups, listing, matrix, outcomes, rows
from dashboard.compare.cards import AXES, PROFILES, SMOOTHING
from dashboard.compare.which_trained import view as which_trained
from dashboard.components import anatomy, table
from dashboard.components.facts import about
from dashboard.components.onto_page import collected

LAYERS = 4  # settings that a matrix may be laid out by, where more differ
MAPPED = ("grad_norm/block", "activation/rms/resid_post")


@dataclass
class Told:
    """`views` by key what each is told, `choices` what a reader may change, `metrics` what curves
    draw, `layered` what is drawn by layer, `pairs` runs whose difference is drawn: a metric of the
    second run by its id."""

    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    choices: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    layered: list[str] = field(default_factory=list)
    pairs: dict[str, list[str]] = field(default_factory=dict)

    def choose(
        self, name: str, title: str, views: Sequence[str], options: Sequence[tuple[str, Any]],
        chosen: int = 0, ticked: bool = False,
    ) -> None:  # fmt: skip
        """A choice of `views` by its options' labels; nothing where there is one option.

        `ticked`: of two options the second is a tick.
        """
        if len(options) > 1:
            made = [{"label": label, "told": told} for label, told in options]
            self.choices.append(
                {"name": name, "title": title, "views": views, "options": made, "chosen": chosen,
                 "ticked": ticked}
            )  # fmt: skip

    def tick(self, name: str, title: str, views: Sequence[str]) -> None:
        """A choice between yes and no, which is no to begin with."""
        self.choose(name, title, views, [("", {name: on}) for on in (False, True)], ticked=True)


def told(entries: Sequence[Entry], answered: Sequence[tuple[Inspection, Entry]] = ()) -> Told:
    """Everything that a page about these runs draws; `answered` are questions for texts."""
    found = Told()
    called = run_names.everywhere()
    with collected() as found.views:
        _runs(found, entries, called)
        _which_trained(found, entries)
        _curves(found, entries, called)
        _by_depth(found, entries)
        _one_run(found, entries, called)
        _texts(answered)
    for key, view in found.views.items():
        if key != "runs_table":
            view["runs"] = [_plain(run) for run in view.get("runs", ())]
    return found


def _plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run's facts without its group and verdict, which the table alone knows: charts take what
    they were told last."""
    return {name: value for name, value in run.items() if name not in ("group", "verdict")}


def _runs(found: Told, entries: Sequence[Entry], called: run_names.Called) -> None:
    columns = rows.columns(entries)
    ways = groups.ways(entries)

    def of(way: str) -> list[dict[str, Any]]:
        grouped = groups.labels(entries, way)
        return rows.rows(entries, columns, grouped, called.names, True, called.labels)

    table.runs_table(
        of(ways[0]),
        columns,
        {"n": 1, "kind": "all", "ids": [], "focus": None, "step": None, "zoom": None, "sort": ""},
        height=min(90 + 34 * len(entries), 400),
        # Nothing of a page without a server can be edited, and no run of it goes on.
        edits=False,
        on_choice=lambda: None,
    )
    found.views["runs_table"]["runs"] = []
    if len(entries) > 1:
        options = [(groups.way_words(way), {"rows": of(way)}) for way in ways]
        found.choose("group", t("Group by"), ["runs_table"], options)


def _which_trained(found: Told, entries: Sequence[Entry]) -> None:
    shown = [entry for entry in entries if not entry.rewired]
    axes = matrix.axes(shown)
    if not axes:
        return
    first = matrix.default_axes(axes)
    names = list(dict.fromkeys([*filter(None, first), *axes]))[:LAYERS]
    ways: list[tuple[str, str | None]] = [(a, b) for a in names for b in names if a != b]
    ways = [first, *(way for way in [*ways, *((name, None) for name in names)] if way != first)]

    def laid(way: tuple[str, str | None]) -> str:
        down, across = (t(short_title(one)) if one else "" for one in way)
        return t("{down} by {across}", down=down, across=across) if across else down

    told = [(laid(way), which_trained(shown, "", axes, way, {})) for way in ways]
    found.views["which_trained"] = {"view": "matrix", "height": None, **told[0][1]}
    found.choose("layout", t("Laid out"), ["which_trained"], told)


def _curves(found: Told, entries: Sequence[Entry], called: run_names.Called) -> None:
    found.metrics = [m for m in listing.metrics(entries) if any(_has(e, m, 0) for e in entries)]
    if not found.metrics:
        return
    if comparable.in_bits(entries):  # their losses do not compare
        found.metrics.sort(key=lambda metric: metric != BITS_PER_BYTE)
    levels = {"baseline": outcomes.baseline(entries), "optimal": outcomes.optimal(entries)}

    def of(metric: str) -> dict[str, Any]:
        unit = outcomes.unit(entries, metric)
        known = levels if metric.startswith("loss/") else dict.fromkeys(levels)
        return {"metric": metric, "unit": unit, "subtitle": t(unit or ""), **known}

    components.curves(
        [], key="curves", follow=True, height=430, frame=False, **of(found.metrics[0])
    )
    views = ["curves"]
    if pair := outcomes.twins(entries, None):
        first, second = pair
        title = t("{a} minus {b}", a=called.names[first.id], b=called.names[second.id])
        components.difference(
            first.id, second.id, key="difference", follow=True, height=190, title=title,
            metric=found.metrics[0], frame=False,
        )  # fmt: skip
        found.pairs[first.id] = [f"difference/{second.id}/{m}" for m in found.metrics]
        views.append("difference")
    found.choose("metric", t("Metric"), views, [(name, of(name)) for name in found.metrics])
    axes = [
        axis for axis in AXES if axis != "seconds" or any(_has(e, "seconds", 0) for e in entries)
    ]
    found.choose("x", "x", views, [(t(axis), {"x": axis.lower()}) for axis in axes])
    smooth = [(name, {"smooth": float(name)}) for name in SMOOTHING]
    found.choose("smoothing", t("Smoothing"), views, smooth, SMOOTHING.index("0.9"))
    found.tick("log_x", t("log x"), views)
    found.tick("log_y", t("log y"), ["curves"])


def _has(entry: Entry, metric: str, layers: int) -> bool:
    """Whether a run has a metric, of every layer where `layers` is 1."""
    width = entry.summary.metrics.get(metric)
    return width is not None and bool(width) == bool(layers)


def _by_depth(found: Told, entries: Sequence[Entry]) -> None:
    there = {what: m for what, m in PROFILES.items() if any(_has(e, m, 1) for e in entries)}
    options = []
    for what, metric in there.items():
        components.depth_profile(
            [], key=what, follow=True, cursor=True, metric=metric, height=430, frame=False
        )
        view = found.views.pop(what)
        options.append((t(what), view))
        found.layered += filter(None, (metric, view["start"]))
    if options:
        found.views["profile"] = options[0][1]
        found.choose("profile", t("By depth"), ["profile"], options)


def _one_run(found: Told, entries: Sequence[Entry], called: run_names.Called) -> None:
    """What is drawn of one run at a time: its layers by step, what stood out, a text of its own."""
    facts = {entry.id: _plain(about(entry.run)) for entry in entries}
    components.happening([entry.id for entry in entries], key="happening", height=330)
    mapped = [m for m in MAPPED if any(_has(entry, m, 1) for entry in entries)]
    if mapped:
        of = [entry for entry in entries if any(_has(entry, m, 1) for m in mapped)]
        components.layer_map(of[0].id, key="map", metric=mapped[0], height=330, frame=False)
        found.layered += [m for m in mapped if m not in found.layered]
        runs = [(called.names[entry.id], {"runs": [facts[entry.id]]}) for entry in of]
        found.choose("map_run", t("Run"), ["map"], runs)
        found.choose("map_metric", t("Metric"), ["map"],
                     [(t(title_of(m)), {"metric": m}) for m in mapped])  # fmt: skip


def _texts(answered: Sequence[tuple[Inspection, Entry]]) -> None:
    """What networks wrote when they were asked on the page Anatomy, one view a prompt."""
    for at, (prompt, asked) in enumerate(_prompts(answered)):
        questions = [(one, entry.run) for one, entry in asked]
        title = t("What it writes") if len(asked) == 1 else t("The same prompt, the same seed")
        anatomy.tokens(questions, key=f"text_{at}", prompt=prompt, title=title)


def _prompts(
    answered: Sequence[tuple[Inspection, Entry]],
) -> Iterator[tuple[str, Sequence[tuple[Inspection, Entry]]]]:
    together: dict[str, list[tuple[Inspection, Entry]]] = {}
    for one, entry in answered:
        together.setdefault(repr(sorted(one.parameters.items())), []).append((one, entry))
    for asked in together.values():
        yield str(asked[0][0].parameters.get("prompt", "")), asked


def attention(entries: Sequence[Entry], called: Mapping[str, str]) -> dict[str, Any]:
    """The Attention page's part about runs whose snapshots travel along: each run as it is told,
    the runs that fit beside it, and what a reader may choose."""
    runs = {e.id: {**_plain(about(e.run, tokens=True)), "checkpoints": []} for e in entries}
    fit = {
        a.id: [b.id for b in entries if b is not a and not choices.unfit(a.run, b.run)]
        for a in entries
    }
    # Induction is measured at checkpoints, which stay at home.
    sorts = [one for one in choices.SORTS if one != "induction"]
    return {
        "runs": runs,
        "fit": fit,
        "names": {entry.id: called[entry.id] for entry in entries},
        "sides": choices.SIDES,
        "sorts": {one: t("Heads by {score}", score=t(one)) for one in sorts},
        "words": {"a": t("Run A"), "b": t("Run B"), "none": t("none"), "side": t("View"),
                  "sort": t("Heads sorted by")},
    }  # fmt: skip
