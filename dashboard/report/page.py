"""A report on some runs: one HTML file that opens anywhere, offline, and prints."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path

from markupsafe import Markup

from core.catalogue.entry import Entry
from core.config import RunConfig
from core.config.alike import SEED
from core.config.command import adopting, command
from core.language import SOURCE, Message, current, joined, mark, t
from core.runs import Run, RunStore
from core.verdicts.labels import VERDICT_LABELS
from dashboard.report.charts import Charts
from dashboard.report.paper import (
    difference_table,
    equal_table,
    matrix,
    matrix_table,
    trained_table,
    verdict_list,
)
from dashboard.report.series import Group, groups
from dashboard.ui.templates import render
from dashboard.web import assets, style


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
        raise ValueError(Message("a report is about at least one run; tick one in the table"))
    found = groups([store.open(run) if isinstance(run, str) else run for run in runs], labels)
    charts = Charts(found)
    drawn = charts.drawn()
    grid = matrix(found)
    tables = count(1)
    written = "%d %B %Y, %H:%M" if current() == SOURCE else "%Y-%m-%d %H:%M"
    when = time.strftime(written, time.localtime(now)).lstrip("0")
    html = render(
        "report/page",
        title=title.strip() or titled([group.name for group in found]),
        css=css(),
        language=current(),
        count=t("{n} run", "{n} runs", n=len(runs)),
        when=when,
        several=len(found) > 1,
        hypothesis=hypothesis.strip(),
        conclusions=conclusions.strip(),
        trained=trained_table(found, next(tables)),
        differences=difference_table(found, next(tables)) if len(found) > 1 else "",
        equal=equal_table(found),
        outcome=_outcome(found),
        matrix=matrix_table(grid, next(tables)) if grid else "",
        charts=drawn,
        verdicts=verdict_list(found),
        repeat=repeat(found),
        versions=versions(),
        figures=charts.data(),
        # As they are: what is a script of ours is not escaped.
        plotly=Markup(assets.plotly().decode()),
        code=Markup(assets.text("report.js")),
    )
    return f"{html}\n"


def titled(names: Sequence[str]) -> str:
    """The title of a page about runs with these names."""
    if len(names) == 1:
        return names[0]
    if len(names) == 2:
        return t("{first} and {last}", first=names[0], last=names[1])
    return t("{name} and {n} others", name=names[0], n=len(names) - 1)


def _outcome(found: Sequence[Group]) -> str:
    kinds = Counter(one.verdict.kind for group in found for one in group.summaries)
    total = sum(kinds.values())
    came = {k: Message(label.past) for k, label in VERDICT_LABELS.items() if kinds[k]}
    if len(came) == 1:
        [past] = came.values()
        return t("The run {came}.", "All {n} runs {came}.", n=total, came=past)
    parts = [Message("{count} {came}", count=kinds[kind], came=past) for kind, past in came.items()]
    return t("Of {n} runs {parts}.", n=total, parts=joined(parts, last=" and "))


def repeat(found: Sequence[Group], also: Sequence[str] = (), paths: bool = True) -> Markup:
    """How to repeat it: what was read, by hash, on what devices, the seeds, and the commands.

    `also` are more such facts. Without `paths` a text of one's own is named without its folder.
    """
    return render("report/repeat", facts=[*_facts(found), *also], commands=_commands(found, paths))


def _facts(found: Sequence[Group]) -> list[str]:
    """What was read, by hash, on what devices and from which seeds."""
    runs = [entry.run for group in found for entry in group.runs]
    # One text in other tokens is another length: each is told.
    corpora = {
        tuple(str(run.corpus.get(name)) for name in CUT): run.corpus for run in runs if run.corpus
    }
    rows = []
    for corpus in corpora.values():
        told = Message(
            "{corpus}: {length:,} {unit}, vocabulary {vocabulary}, SHA-256 {sha}",
            corpus=corpus.get("corpus"),
            length=corpus.get("length", 0),
            unit=Message(f"{corpus.get('unit', 'character')}s"),
            vocabulary=corpus.get("vocabulary"),
            sha=corpus.get("sha256"),
        )
        if corpus.get("floor") is not None:
            told = Message(
                "{corpus}, optimal loss {loss:.3f} nats", corpus=told, loss=corpus["floor"]
            )
        rows.append(t(told))
    known = (entry.flat[SEED] for group in found for entry in group.runs)
    seeds = sorted({seed for seed in known if seed is not None})
    records = [run.record for run in runs]
    devices = sorted({_devices(one.device, one.ranks) for one in records} - {""})
    numbers = ", ".join(map(str, seeds[:20])) + (", …" if len(seeds) > 20 else "")
    taken = [
        t(Message("{name}: a pretrained model, SHA-256 of its weights {sha}", name=name, sha=sha))
        for sha, name in {
            str(one.source.get("sha256")): one.source.get("name")
            for group in found
            for one in group.runs
            if one.source
        }.items()
    ]
    drawn = t("seed {numbers}", "seeds {numbers}", n=len(seeds), numbers=numbers) if seeds else ""
    trained = t("trained on {devices}", devices=t(joined(devices, " and "))) if devices else ""
    return [*rows, *taken, *filter(None, [drawn, trained])]


def _devices(kind: str, ranks: int) -> str:
    """`cpu`, of several processes `2 × cpu`."""
    return f"{ranks} × {kind}" if kind and ranks > 1 else kind


# Equal where a text was read in the same tokens.
CUT = ("sha256", "unit", "length", "vocabulary")
# What a corpus is counted in.
UNITS = (mark("characters"), mark("bytes"), mark("tokens"), mark("images"))


def _as_trained(run: Run) -> RunConfig:
    """Its settings with every switch, those by hand too, so that the command repeats them; what was
    turned by hand before a fork is in its checkpoint.
    """
    scheduled, first = run.config.training.switches, run.first_step
    switches = tuple(one for one in run.switches if one.step >= first or one in scheduled)
    training = run.config.training.model_copy(update={"switches": switches})
    return run.config.model_copy(update={"training": training})


def _commands(found: Sequence[Group], paths: bool) -> list[tuple[Group, str]]:
    """What makes each line's first run anew; not those that another program trained."""
    return [(group, _again(group.runs[0], paths)) for group in found if not group.runs[0].origin]


def _again(entry: Entry, paths: bool) -> str:
    config = _of_trained(entry.run, paths)
    if entry.source:
        return adopting(entry.source, config)
    return command(config, entry.fork)


def _of_trained(run: Run, paths: bool) -> RunConfig:
    config = _as_trained(run)
    if paths or not config.data.path:
        return config
    named = config.data.model_copy(update={"path": Path(config.data.path).name})
    return config.model_copy(update={"data": named})


def versions() -> str:
    """What is installed here; none of it is imported for this."""
    known = []
    for name in ("torch", "numpy", "pyarrow", "plotly"):
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return t(
        "Python {version}, {packages}; written on {system}.",
        version=platform.python_version(),
        packages=", ".join(known),
        system=platform.system(),
    )


@cache
def css() -> Markup:
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
