"""What a claim is, what a check of it measures, and the rule of the verdict. Without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any, Literal

from core.language import Message, joined, mark

Verdict = Literal["shown", "not shown here", "outside the band"]
VERDICTS = (mark("shown"), mark("not shown here"), mark("outside the band"))
Average = Literal["mean", "geometric"]
Standing = Literal["inside", "undecided", "outside"]


@dataclass(frozen=True)
class Paper:
    """Where a claim was published; `arxiv` is its number, or `url` where it has none."""

    authors: str
    year: int
    title: str
    arxiv: str = ""
    url: str = ""

    @property
    def link(self) -> str:
        """Where it can be read."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url

    @property
    def short(self) -> str:
        """`Xiong et al. 2020`."""
        return f"{self.authors} {self.year}"


@dataclass(frozen=True)
class Quantity:
    """One number that a check measures, and between which values it is expected.

    A correct implementation lands inside of a `strict` one's band: outside something is wrong, with
    the network or with the band. One that is not strict is what the paper expects at its own scale:
    outside the claim is not shown here, which says nothing against either; nor is it where the
    seeds scatter so much that they do not say on which side it lies. `average` is how the
    values of the seeds become one.
    """

    name: str
    words: str
    low: float = -math.inf
    high: float = math.inf
    strict: bool = True
    average: Average = "mean"
    theory: str = ""

    @property
    def expected(self) -> str:
        """The band in words: "1.3 to 1.7", "below 0.003", "−½ (−0.7 to −0.3)"."""
        low, high = number(self.low), number(self.high)
        if math.isinf(self.low):
            band = Message("below {high}", high=high)
        elif math.isinf(self.high):
            band = Message("above {low}", low=low)
        elif self.low == self.high:
            band = Message("exactly {value}", value=low)
        else:
            band = Message("{low} to {high}", low=low, high=high)
        if not self.theory:
            return band
        return Message("{theory} ({band})", theory=Message(self.theory), band=band)

    def middle(self, values: Sequence[float]) -> float:
        """One number for all seeds; NaN where one of them is not finite."""
        if not values or not all(map(math.isfinite, values)):
            return math.nan
        if self.average == "geometric":
            positive = all(v > 0 for v in values)
            return math.exp(mean(map(math.log, values))) if positive else math.nan
        return mean(values)

    def holds(self, value: float) -> bool:
        """Whether a measured number lies inside the band."""
        return self.low <= value <= self.high

    def standing(self, values: Sequence[float]) -> Standing:
        """How the values of the seeds lie: their average inside the band or not, and, of what is
        not strict, whether the average less and plus its standard error lies inside too. A strict
        band is one for the average over these very seeds.
        """
        middle = self.middle(values)
        if not self.holds(middle):
            return "outside"
        if self.strict or len(values) < 2:
            return "inside"
        is_log = self.average == "geometric"
        error = spread([math.log(v) for v in values] if is_log else values) / len(values) ** 0.5
        ends = [middle * math.exp(e) if is_log else middle + e for e in (-error, error)]
        return "inside" if all(map(self.holds, ends)) else "undecided"


def sentences(*parts: str) -> str:
    """A setting from its sentences, of which several claims share some."""
    return joined([Message(part) for part in parts], " ")


def spread(values: Sequence[float]) -> float:
    """The standard deviation over seeds; 0 of a single one."""
    return stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else 0.0


@dataclass(frozen=True)
class Axes:
    """The names and units of a picture's axes."""

    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Series:
    """Points of a picture: measured ones with their spread, or the theory's curve."""

    name: str
    kind: Literal["measured", "theory"]
    x: list[float]
    y: list[float]
    spread: list[float] | None = None


@dataclass
class Measured:
    """What a check found: each quantity's value by seed, the picture, and the runs it trained."""

    values: dict[str, list[float]]
    series: list[Series]
    runs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Claim:
    """A published claim and how it is checked.

    `where` is the equation or theorem of the paper, `formula` LaTeX, `caution` what others could
    not repeat or what the check does not say. `quick` checks take seconds; the others minutes, and
    twice the seeds where there is a GPU. `version` goes up whenever the same claim is measured
    differently. `seconds` is what it took on two quiet cores.
    """

    name: str
    group: str
    sentence: str
    paper: Paper
    where: str
    formula: str
    setting: str
    quantities: tuple[Quantity, ...]
    axes: Axes
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    quick: bool = True
    seconds: float = 2.0
    source: str = ""
    caution: str = ""
    version: int = 1

    @property
    def module(self) -> str:
        """The file of the function that measures it, from the root of the repository."""
        return f"{self.function.partition(':')[0].replace('.', '/')}.py"

    @property
    def command(self) -> str:
        """The command that repeats the check."""
        return f"python -m core evidence --only {self.name} --again"

    def seeds_on(self, gpu: bool) -> tuple[int, ...]:
        """The seeds: on a GPU a thorough check takes twice as many."""
        if self.quick or not gpu:
            return self.seeds
        return tuple(range(2 * len(self.seeds)))

    def middles(self, values: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Each quantity as one number for all seeds."""
        return {q.name: q.middle(values.get(q.name, ())) for q in self.quantities}

    def verdict(self, values: Mapping[str, Sequence[float]]) -> Verdict:
        """What the values of the seeds say of the claim."""
        missed = [q for q in self.quantities if q.standing(values.get(q.name, ())) != "inside"]
        if any(q.strict for q in missed):
            return "outside the band"
        return "not shown here" if missed else "shown"


def number(value: float) -> str:
    """A number as the tables say it, with four digits: "0.0031", "1.2e-07", "80,000"."""
    if not math.isfinite(value):
        return Message("not finite")
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        return f"{value:.2g}".replace("-", "−")
    digits = 0 if size >= 1000 else max(0, 3 - math.floor(math.log10(size))) if size else 0
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")
