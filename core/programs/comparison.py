"""Runs side by side: in what they differ, what became of each setting, and how far that holds.

Runs that differ in nothing but their seed are one setting, with a mean over its seeds. A conclusion
from one seed is answered with that fact: two runs that differ in nothing but the seed differ too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.catalogue.entry import Entry, differing, subject
from core.catalogue.index import of_run
from core.catalogue.means import Mean, mean_of
from core.catalogue.naming import names
from core.catalogue.outcomes import LOST, outcome
from core.config.alike import FORK, SEED
from core.config.describe import phrase
from core.config.units import corpus_unit
from core.language import Message, joined, t
from core.programs.agent_shapes import Compared, SettingCompared
from core.programs.rows import finite
from core.runs import Run, RunError
from core.verdicts.labels import LIVE
from core.verdicts.pair import compared

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure

ENOUGH = 3  # seeds from which on a spread over seeds is worth its name


@dataclass(frozen=True)
class SettingRuns:
    """The runs of one setting, in their order."""

    entries: tuple[Entry, ...]

    @property
    def loss(self) -> Mean:
        """The mean over seeds of the final losses of those that came to their end."""
        found = [(entry, outcome(entry.summary)) for entry in self.entries]
        return mean_of(
            (entry.experiment, None if one.kind in (*LOST, "live") else one.loss)
            for entry, one in found
        )

    @property
    def seeds(self) -> list[int]:
        """Its seeds, each once, as far as they are known."""
        return list(dict.fromkeys(s for e in self.entries if (s := e.flat[SEED]) is not None))

    @property
    def experiments(self) -> int:
        """How many of its runs are no repeats of each other."""
        return len({entry.experiment for entry in self.entries})


OF_TEXT = ("data.corpus", "data.path", "data.dataset")


class Comparison:
    """What `core.compare` answers; a notebook shows it as a table with sentences.

    `table` is a DataFrame, `plot` draws the runs together, `conclusion` and `caution` are sentences
    (empty where there is nothing to say), `answer` the same as plain values.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = list(dict.fromkeys(runs))
        if len(self.runs) < 2:
            raise RunError(Message("compare: name two runs or more"))
        entries = [of_run(run) for run in self.runs]
        grouped: dict[str, list[Entry]] = {}
        for entry in entries:
            grouped.setdefault(entry.setting, []).append(entry)
        self.settings = [SettingRuns(tuple(own)) for own in grouped.values()]
        self.differs = differing(entries)
        self._called = names(list(map(subject, entries)))

    @property
    def sentences(self) -> list[str]:
        """What became of each run."""
        return [str(entry.summary.verdict.sentence) for entry in self._entries]

    @property
    def _entries(self) -> list[Entry]:
        return [entry for own in self.settings for entry in own.entries]

    @property
    def conclusion(self) -> str:
        """What the runs show together; empty where they are not two settings that can be told
        apart."""
        live = any(entry.state in LIVE for entry in self._entries)
        foreign = any(entry.origin for entry in self._entries)
        if len(self.settings) != 2 or live or foreign or FORK in self.differs:
            return ""
        first, second = self.settings
        if len(first.entries) == len(second.entries) == 1:
            one, two = first.entries[0], second.entries[0]
            words = [corpus_unit(each.run.corpus) for each in (one, two)]
            return compared(
                one.summary.verdict, one.run.config, two.summary.verdict, two.run.config, *words
            )
        return self._by_means(first, second)

    def _by_means(self, first: SettingRuns, second: SettingRuns) -> str:
        own = [one.loss for one in (first, second)]
        if any(mean.value is None for mean in own):
            return ""
        low, high = sorted(zip(own, (first, second), strict=True), key=lambda pair: _of(pair[0]))
        gap = _of(high[0]) - _of(low[0])
        told = Message(
            "{better} ends at {low:.3f}, {worse} at {high:.3f}: {gap:.3f} nats apart",
            better=self._name(low[1]),
            worse=self._name(high[1]),
            low=_of(low[0]),
            high=_of(high[0]),
            gap=gap,
        )
        error = _error(own)
        if error is None:
            return Message("{told}.", told=told)
        return Message(
            "{told}, with a standard error of {error:.3f} over their seeds.", told=told, error=error
        )

    @property
    def caution(self) -> str:
        """What stands against concluding anything; empty where nothing does."""
        found: list[str] = []
        live = [entry for entry in self._entries if entry.state in LIVE]
        if live:
            found.append(
                Message(
                    "{n} run has not ended: its loss may come to another end.",
                    "{n} runs have not ended: their losses may come to another end.",
                    n=len(live),
                )
            )
        if foreign := [entry for entry in self._entries if entry.origin]:
            found.append(
                Message(
                    "{n} run was recorded elsewhere: its data are not known here, and losses on"
                    " different texts can't be compared.",
                    "{n} runs were recorded elsewhere: their data are not known here, and losses on"
                    " different texts can't be compared.",
                    n=len(foreign),
                )
            )
        elif len({tuple(e.flat[n] for n in OF_TEXT) for e in self._entries}) > 1:
            found.append(
                Message("Their texts differ, and losses on different texts can't be compared.")
            )
        elif len({entry.cut for entry in self._entries if entry.run.corpus}) > 1:
            found.append(
                Message(
                    "Their tokens differ, and losses of different tokens can't be compared;"
                    " bits_per_byte/validation can."
                )
            )
        if len(self.settings) > 1:
            found += seeds_lacking([own.experiments for own in self.settings])
        return str(joined(found, " ")) if found else ""

    def _name(self, own: SettingRuns) -> str:
        trained = own.entries[0].trained
        known = [name for name in self.values(own) if name in trained]
        words = dict.fromkeys(phrase(name, trained) for name in known)
        return ", ".join(words) or self._called[own.entries[0].id]

    def values(self, own: SettingRuns) -> dict[str, Any]:
        """A setting's values of what differs, the seed aside."""
        trained = own.entries[0].trained
        return {name: trained.get(name) for name in self.differs if name != SEED}

    @property
    def answer(self) -> Compared:
        """As plain values."""
        return {
            "differs": list(self.differs),
            "compared": [self._told(own) for own in self.settings],
            "sentences": self.sentences,
            "conclusion": str(self.conclusion) or None,
            "caution": self.caution or None,
        }

    def _told(self, own: SettingRuns) -> SettingCompared:
        loss = own.loss
        return {
            "name": str(self._name(own)),
            "settings": self.values(own),
            "runs": [entry.id for entry in own.entries],
            "seeds": own.seeds,
            "loss": finite(loss.value),
            "deviation": finite(loss.deviation),
            "verdicts": dict(Counter(entry.summary.words for entry in own.entries)),
        }

    @property
    def table(self) -> pandas.DataFrame:
        """A row for each run: what sets it apart, its state, its losses and its verdict."""
        import pandas

        rows = [
            {
                "run": self._called[entry.id],
                **{name.rpartition(".")[2]: entry.trained.get(name) for name in self.differs},
                "state": t(entry.summary.words),
                "loss": entry.summary.loss,
                "validation": entry.summary.validation,
                "verdict": t(entry.summary.verdict.sentence),
            }
            for entry in self._entries
        ]
        return pandas.DataFrame(rows).set_index("run")

    def plot(self, metric: str = "loss") -> Figure:
        """Their lines of a metric, as :meth:`core.runs.Run.plot` draws one."""
        from core.plots.runs import drawn

        return drawn(self.runs, metric, [self._called[run.id] for run in self.runs])

    def __repr__(self) -> str:
        said = [*map(t, self.sentences), t(self.conclusion), t(self.caution)]
        return "\n".join(filter(None, said))

    def _repr_html_(self) -> str:
        from html import escape

        said = "".join(f"<p>{escape(t(one))}</p>" for one in (self.conclusion, self.caution) if one)
        return (
            str(self.table.rename_axis(None).to_html(float_format="{:.3f}".format, na_rep="–"))
            + said
        )


def seeds_lacking(seeds: Sequence[int]) -> list[str]:
    """A sentence where a conclusion would stand on too few seeds; `seeds` of each setting."""
    fewest = min(seeds, default=0)
    if fewest >= ENOUGH:
        return []
    if fewest < 2:
        return [
            Message(
                "This is a single seed: runs that differ in nothing but the seed differ too. Train"
                " {enough} seeds of each setting before concluding.",
                enough=ENOUGH,
            )
        ]
    return [
        Message(
            "Two seeds tell little of how far seeds scatter: train {enough} of each setting before"
            " concluding.",
            enough=ENOUGH,
        )
    ]


def _of(mean: Mean) -> float:
    assert mean.value is not None
    return mean.value


def _error(means: Sequence[Mean]) -> float | None:
    """The standard error of the difference of two means; None where one has no spread."""
    if any(mean.deviation is None for mean in means):
        return None
    return math.sqrt(sum((mean.deviation or 0) ** 2 / mean.experiments for mean in means))
